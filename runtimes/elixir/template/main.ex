defmodule Main do
  # Called with the request's JSON body; what it returns is the reply.
  def handle(input, ctx) do
    name = (is_map(input) && input["name"]) || "World"
    :trivet_ctx.info(ctx, "greeting", %{name: name})
    %{message: "Hello, #{name}!"}
  end
end
