// A hostile function: does what `attack` says by the means of this language, and answers what came of it.
using System.Collections;
using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;

public record Input(string Attack, string? Argument, string[]? Arguments);

public record Answer(string Outcome, string Detail = "");

public static class Function
{
    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int pid, int signal);

    private static string Tcp(string address)
    {
        int colon = address.LastIndexOf(':');
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(address[..colon], int.Parse(address[(colon + 1)..]));
        return "";
    }

    private static string Open(string path, FileMode mode, FileAccess access)
    {
        using var file = new FileStream(path, mode, access, FileShare.ReadWrite);
        if (access == FileAccess.Read) file.ReadByte();
        return "";
    }

    private static string Spawn(string[] arguments)
    {
        var asked = new ProcessStartInfo(arguments[0]) { RedirectStandardOutput = true };
        foreach (string each in arguments[1..]) asked.ArgumentList.Add(each);
        using Process process = Process.Start(asked)!;
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return text;
    }

    private static string Tasks(int count)
    {
        using var end = new ManualResetEventSlim();
        var started = new List<Thread>();
        try
        {
            for (int i = 0; i < count; i++)
            {
                var thread = new Thread(() => end.Wait());
                thread.Start();
                started.Add(thread);
            }
        }
        finally
        {
            end.Set();
            started.ForEach(each => each.Join());
        }
        return "";
    }

    private static string Memory(int mib)
    {
        var kept = new List<byte[]>();
        for (int i = 0; i < mib; i++)
        {
            var piece = new byte[1 << 20];
            Array.Fill(piece, (byte)1);
            kept.Add(piece);
        }
        GC.KeepAlive(kept);
        return "";
    }

    private static string Print(int lines)
    {
        var line = new string('x', 999);
        for (int i = 0; i < lines; i++) Console.WriteLine(line);
        return "";
    }

    private static string Spin()
    {
        for (; ; ) Thread.SpinWait(1000);
    }

    private static string Signal(int pid) =>
        Kill(pid, 0) == 0 ? "" : throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));

    private static string Attack(Input input)
    {
        string argument = input.Argument ?? "";
        return input.Attack switch
        {
            "read" => Open(argument, FileMode.Open, FileAccess.Read),
            "write" => Open(argument, FileMode.Append, FileAccess.Write),
            "tcp" => Tcp(argument),
            "kill" => Signal(int.Parse(argument)),
            "spawn" => Spawn(input.Arguments!),
            "environment" => string.Join("\n", Environment.GetEnvironmentVariables().Cast<DictionaryEntry>().Select(each => $"{each.Key}={each.Value}")),
            "tasks" => Tasks(int.Parse(argument)),
            "memory" => Memory(int.Parse(argument)),
            "print" => Print(int.Parse(argument)),
            "reply" => new string('x', int.Parse(argument) << 20),
            _ => Spin(),
        };
    }

    public static Answer Handler(Input input)
    {
        try
        {
            return new Answer("allowed", Attack(input));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or SocketException or OutOfMemoryException or ThreadStartException
                                      or System.ComponentModel.Win32Exception)
        {
            return new Answer($"{error.GetType().Name}: {error.Message}");
        }
    }
}
