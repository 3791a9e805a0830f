# A hostile function: does what `attack` says by the means of this language, and answers what came of it.
defmodule Main do
  def handle(%{"attack" => attack} = input, _ctx) do
    case attack(attack, input["arguments"] || input["argument"]) do
      {:cannot, why} -> %{outcome: "cannot: #{why}"}
      detail when is_binary(detail) -> %{outcome: "allowed", detail: detail}
      _ -> %{outcome: "allowed"}
    end
  rescue
    error in MatchError -> %{outcome: inspect(error.term)}
    error -> %{outcome: inspect(error)}
  end

  defp attack("read", path), do: opened(path, [:read])
  defp attack("write", path), do: opened(path, [:append])

  defp attack("tcp", address) do
    [host, port] = String.split(address, ":")
    {:ok, parsed} = :inet.parse_address(to_charlist(host))
    {:ok, socket} = :gen_tcp.connect(parsed, String.to_integer(port), [], 1000)
    :gen_tcp.close(socket)
  end

  defp attack("kill", _), do: {:cannot, "no call sends a signal to another process"}

  defp attack("spawn", [program | arguments]) do
    {text, _} = System.cmd(program, arguments, stderr_to_stdout: true)
    text
  end

  defp attack("environment", _), do: Enum.map_join(System.get_env(), "\n", fn {name, value} -> "#{name}=#{value}" end)

  # Processes of the VM cost the machine nothing: programs, which end when their input does (where no more can be started, no `kill` can).
  defp attack("tasks", count) do
    ports = for _ <- 1..String.to_integer(count), do: Port.open({:spawn_executable, "/bin/cat"}, [:exit_status])

    early =
      receive do
        {_, {:exit_status, status}} -> status
      after
        5000 -> :none
      end

    for port <- ports do
      try do
        Port.close(port)
      rescue
        ArgumentError -> :closed
      end
    end

    :none = early
  end

  defp attack("memory", mib), do: length(for n <- 1..String.to_integer(mib), do: :binary.copy(<<rem(n, 250)>>, 1_048_576))

  defp attack("print", lines) do
    line = String.duplicate("x", 999)
    for _ <- 1..String.to_integer(lines), do: IO.puts(line)
  end

  defp attack("reply", mib), do: String.duplicate("x", String.to_integer(mib) * 1_048_576)
  defp attack("spin", argument), do: attack("spin", argument)

  defp opened(path, modes) do
    {:ok, file} = :file.open(path, [:raw | modes])
    :file.close(file)
  end
end
