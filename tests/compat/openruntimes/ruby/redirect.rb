def main(context)
  return context.res.redirect('https://example.com/?a=b&c=d', 302) if context.req.path == '/temporary'

  return context.res.redirect('https://github.com/')
end
