defmodule Reminder do
  @moduledoc "Writes a reminder for what is overdue."
  alias Reminder.Letter
  require Logger

  def handle(%{"name" => name, "items" => items}, _ctx) do
    today = Date.utc_today()
    late = items |> Enum.map(&item(&1, today)) |> Enum.filter(&(&1.days > 0)) |> Enum.sort_by(& &1.days, :desc)
    Logger.info("#{length(late)} of #{length(items)} are due")
    total = late |> Enum.map(& &1.price) |> Enum.sum() |> Kernel./(1) |> Float.round(2)
    %{total: total, due: late, letter: Letter.render(name, late, total, today)}
  end

  defp item(%{"title" => title, "price" => price, "due" => due}, today) do
    date = Date.from_iso8601!(due)
    %{title: title, price: price, due: date, days: Date.diff(today, date)}
  end
end
