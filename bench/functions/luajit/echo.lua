return function(input, ctx)
  return input
end
