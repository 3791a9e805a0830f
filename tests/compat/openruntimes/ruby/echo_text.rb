def main(context)
  context.res.text(context.req.body_text)
end
