def main(context)
  return context.res.binary("\x89PNG\r\n\x1a\n\x00\xff".b, 200, { 'content-type' => 'image/png' })
end
