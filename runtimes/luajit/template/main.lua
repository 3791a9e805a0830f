-- Called once per request. `input` is the JSON body; what is returned becomes the reply.
return function(input, ctx)
  local name = input and input.name or 'World'
  ctx.log.info('greeting', {name = name})
  return {message = 'Hello, ' .. name .. '!'}
end
