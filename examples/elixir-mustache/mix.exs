defmodule Reminder.MixProject do
  use Mix.Project

  def project, do: [app: :reminder, version: "1.0.0", elixir: "~> 1.14"]
  def application, do: [extra_applications: [:logger, :bbmustache]]
end
