def main(context)
  headers = context.req.headers
  return context.res.text("#{headers['cookie']} #{headers['x-open-runtimes-in'] || 'missing'}", 200, {
    'X-Given' => headers['x-given'],
    'x-open-runtimes-out' => 'hidden',
    'content-type' => 'text/plain; charset=ISO-8859-1'
  })
end
