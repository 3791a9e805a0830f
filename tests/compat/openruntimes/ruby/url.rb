def main(context)
  req = context.req
  return context.res.json({
    'method': req.method,
    'scheme': req.scheme,
    'host': req.host,
    'port': req.port,
    'path': req.path,
    'queryString': req.query_string,
    'url': req.url
  })
end
