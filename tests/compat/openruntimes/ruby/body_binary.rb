def main(context)
  bytes = context.req.body_binary.bytes.reverse.pack('C*')
  return context.res.binary(bytes, 200, { 'content-type': context.req.headers['content-type'] })
end
