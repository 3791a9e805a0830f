defmodule Reminder.Letter do
  @moduledoc "The letter's template, read once, when it is compiled."

  @template """
  Dear {{name}},

  {{#items}}
  - {{title}}: {{price}}, due since {{days}} days
  {{/items}}
  {{^items}}
  there is nothing to pay.
  {{/items}}
  In all: {{total}} ({{date}})
  """

  def render(name, items, total, date) do
    rows = for item <- items, do: %{title: item.title, price: money(item.price), days: item.days}
    data = %{name: name, items: rows, total: money(total), date: Date.to_iso8601(date)}
    :bbmustache.render(@template, data, key_type: :atom)
  end

  defp money(amount), do: :erlang.float_to_binary(amount / 1, decimals: 2)
end
