def handler(input, ctx)
  input
end
