# Called once per request. `input` is the JSON body; what is returned becomes the reply.
def handler(input, ctx)
  name = input&.fetch("name", nil) || "World"
  ctx.log.info("greeting", name: name)
  { message: "Hello, #{name}!" }
end
