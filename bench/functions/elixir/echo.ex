defmodule Echo do
  def handle(input, _ctx), do: input
end
