using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Trivet;

/// <summary>What LOAD says.</summary>
internal sealed record Plan
{
    public string Function { get; init; } = "";
    public string Dir { get; init; } = "/";
    public string Output { get; init; } = "";
    public string Entrypoint { get; init; } = "";
    public string Handler { get; init; } = "";
    public string Interface { get; init; } = "json";
    public Dictionary<string, string> Env { get; init; } = new();
    public int Concurrency { get; init; } = 1;
    [JsonPropertyName("max_frame")]
    public long MaxFrame { get; init; } = 33 << 20;
    public long Credit { get; init; } = 256 << 10;
}

/// <summary>How an interface answers a call. What it throws is the call's failure.</summary>
internal interface IFace
{
    /// <summary>Null, or a task that ends when the call has been answered.</summary>
    Task? Answer(Call call);
}

/// <summary>
/// The worker: starts blank, loads one function and answers its calls (runtimes/CONTRACT.md).
/// <para>
/// A call runs on the thread that read it: to hand it to another costs more than all the rest. A watcher sees when one takes longer than a
/// millisecond or two, a fifth of one when there may be several, and has another thread go on reading. The first one rests after its call
/// until it is needed again.
/// </para>
/// </summary>
internal sealed class Worker
{
    private const int IdleRounds = 50; // ticks without a call after which the watcher sleeps
    private const int RestMost = 16; // threads that are kept to read
    private const uint Tick = 1000, TickOfMany = 200; // microseconds

    private static readonly ExecutionContext? Clean = ExecutionContext.Capture();

    private readonly ConcurrentDictionary<uint, Call> calls = new();
    private readonly AutoResetEvent wake = new(false);
    private readonly object rest = new();
    private IFace? face;
    private long turn; // calls that were read
    private long lent; // the call whose thread would read on after it, so who wants to read may; or 0
    private int resting, wanted; // of the threads in Read
    private volatile bool isAsleep, isEnding, isPooled, isWatched;

    public Pipes Pipes { get; } = new();
    public Plan Plan { get; private set; } = new();

    public static void Main()
    {
        var worker = new Worker();
        Pipes.CloseOnExec();
        if (Environment.GetEnvironmentVariable("TRIVET_SPARE") != null)
        {
            Environment.SetEnvironmentVariable("TRIVET_SPARE", null);
            Rehearsal.WarmUp(worker);
        }
        worker.Pipes.Write(Kind.Hello, 0, Json.Write(new Dictionary<string, object?>
        {
            ["protocol"] = 1, ["runtime"] = "dotnet", ["version"] = Environment.Version.ToString(), ["concurrency"] = 0,
            ["features"] = new[] { "cancel", "stream" },
        }, typeof(object)));
        worker.Read();
        Thread.Sleep(Timeout.Infinite); // another thread serves, and ends the process
    }

    // ------------------------------------------------------------------ frames

    /// <summary>A thread's life: it reads and runs, rests while another reads, and reads again.</summary>
    private void Read()
    {
        do
        {
            Serve();
        } while (IsWanted());
    }

    /// <summary>Returns when another thread reads.</summary>
    private void Serve()
    {
        while (Pipes.Read(out Frame frame))
        {
            Call? call = Take(frame);
            if (call == null) continue;
            long number = Interlocked.Increment(ref turn);
            Interlocked.Exchange(ref lent, number);
            if (isAsleep) wake.Set();
            // What a handler keeps in AsyncLocals ends with its call.
            if (isPooled) ExecutionContext.Run(Clean!, static call => ((Call)call!).Run(), call);
            else Run(call);
            if (Interlocked.CompareExchange(ref lent, 0, number) != number) return;
        }
        Finish();
    }

    private bool IsWanted()
    {
        lock (rest)
        {
            if (isEnding || resting == RestMost) return false;
            for (resting++; wanted == 0;) Monitor.Wait(rest);
            wanted--;
            return true;
        }
    }

    private void TakeOver()
    {
        lock (rest)
        {
            if (resting > 0)
            {
                resting--;
                wanted++;
                Monitor.Pulse(rest);
                return;
            }
        }
        new Thread(Read) { IsBackground = true, Name = "reader" }.Start();
    }

    [DllImport("libc", EntryPoint = "usleep")]
    private static extern int SleepFor(uint microseconds); // Thread.Sleep knows milliseconds only

    private void Watch()
    {
        long seen = 0, seenLent = 0;
        for (int idle = 0;;)
        {
            SleepFor(isPooled ? TickOfMany : Tick);
            long now = Interlocked.Read(ref turn), running = Interlocked.Read(ref lent);
            idle = now == seen && running == 0 ? idle + 1 : 0;
            if (running != 0 && running == seenLent && Interlocked.CompareExchange(ref lent, 0, running) == running)
            {
                TakeOver();
            }
            else if (idle > IdleRounds)
            {
                isAsleep = true;
                Interlocked.MemoryBarrier();
                if (Interlocked.Read(ref turn) == now) wake.WaitOne();
                isAsleep = false;
                idle = 0;
            }
            seen = now;
            seenLent = running;
        }
    }

    /// <summary>Does what a frame asks for. A call that is whole is given back, to be run.</summary>
    internal Call? Take(Frame frame)
    {
        calls.TryGetValue(frame.Call, out Call? call);
        switch (frame.Kind)
        {
            case Kind.Call:
                call = new Call(this, frame.Call, frame.Meta);
                calls[frame.Call] = call;
                if (!frame.More)
                {
                    call.Body = frame.Body;
                    return call;
                }
                call.Parts = new MemoryStream();
                call.Parts.Write(frame.Body.Span);
                return null;
            case Kind.Chunk: return call?.Parts is { } parts ? More(call, parts, frame) : null;
            case Kind.Cancel: call?.Cancel(); return null;
            case Kind.Answer: call?.Answered(frame); return null;
            case Kind.Credit: call?.Credit(new Facts(frame.Meta).Number("bytes") ?? 0); return null;
            case Kind.Ping: Pipes.Write(Kind.Pong, 0, default, frame.Body.Span); return null;
            case Kind.Load: Load(frame); return null;
            case Kind.Drain: Finish(); return null;
            default: return null;
        }
    }

    private Call? More(Call call, MemoryStream parts, Frame frame)
    {
        parts.Write(frame.Body.Span);
        if (frame.More)
        {
            Pipes.Write(Kind.Credit, call.Id, Json.Write(new Dictionary<string, object?> { ["bytes"] = frame.Body.Length }, typeof(object)));
            return null;
        }
        call.Parts = null;
        call.Body = parts.GetBuffer().AsMemory(0, (int)parts.Length);
        return call;
    }

    internal void Run(Call call)
    {
        try
        {
            if (isPooled) Prints.Current.Value = call;
            if (face!.Answer(call) is { } answering) _ = Finished(call, answering);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }

    private static async Task Finished(Call call, Task answering)
    {
        try
        {
            await answering.ConfigureAwait(false);
        }
        catch (Exception error)
        {
            call.Fail(error);
        }
    }

    /// <summary>No call is open: every reply is written.</summary>
    internal bool IsCalm => calls.IsEmpty;

    internal void Forget(Call call)
    {
        calls.TryRemove(call.Id, out _);
        if (isEnding && calls.IsEmpty) Environment.Exit(0);
    }

    private void Finish()
    {
        isEnding = true;
        if (calls.IsEmpty) Environment.Exit(0);
    }

    // ------------------------------------------------------------------ the function

    private void Load(Frame frame)
    {
        try
        {
            Plan = JsonSerializer.Deserialize<Plan>(frame.Meta.Span, Json.Options)!;
            Directory.SetCurrentDirectory(Plan.Dir);
            foreach (var (name, value) in Plan.Env) Environment.SetEnvironmentVariable(name, value);
            AppContext.SetData("APP_CONTEXT_BASE_DIRECTORY", Plan.Output + "/"); // what AppContext.BaseDirectory tells
            if (Plan.Interface != "stdio")
            {
                Open(LoadFunction(Plan.Output));
                Pipes.Write(Kind.Ready, 0);
                return;
            }
        }
        catch (Exception error)
        {
            var told = Call.Describe(error);
            told["code"] = "LOAD_FAILED";
            Pipes.Write(Kind.Error, 0, Json.Write(told, typeof(object)));
            Environment.Exit(1);
        }
        Become(Plan); // outside of what catches our own errors: the program's own are reported as .NET does
    }

    /// <summary>Chooses the interface for an assembly of user code, or of ours that rehearses.</summary>
    internal void Open(System.Reflection.Assembly assembly, Plan? other = null)
    {
        if (other != null) Plan = other;
        isPooled = Plan.Concurrency > 1;
        if (isPooled)
        {
            Prints.Attribute();
            ThreadPool.GetMinThreads(out int threads, out int completion);
            ThreadPool.SetMinThreads(Math.Max(threads, Math.Min(Plan.Concurrency, 64)), completion); // handlers may block after an await
        }
        if (!isWatched)
        {
            isWatched = true;
            new Thread(Watch) { IsBackground = true, Name = "watcher" }.Start();
        }
        face = Plan.Interface switch
        {
            "context" => new DotNetRuntime.ContextFace(assembly, Plan.Handler),
            "module" => new ModuleFace(assembly),
            _ => new JsonFace(assembly, Plan.Handler),
        };
    }

    /// <summary>The function's assembly, and what it needs from beside it; this assembly is shared with it.</summary>
    private static System.Reflection.Assembly LoadFunction(string output)
    {
        string path = Path.Combine(output, "function.dll");
        var resolver = File.Exists(Path.ChangeExtension(path, ".deps.json")) ? new AssemblyDependencyResolver(path) : null;
        var context = AssemblyLoadContext.Default;
        context.Resolving += (_, name) =>
        {
            string beside = Path.Combine(output, name.Name + ".dll");
            string? found = resolver?.ResolveAssemblyToPath(name) ?? (File.Exists(beside) ? beside : null);
            return found == null ? null : context.LoadFromAssemblyPath(found);
        };
        context.ResolvingUnmanagedDll += (_, name) =>
        {
            string? found = resolver?.ResolveUnmanagedDllToPath(name);
            return found == null ? 0 : NativeLibrary.Load(found);
        };
        return context.LoadFromAssemblyPath(path);
    }

    /// <summary>Frames are over: the process is the user's program from here on, with its own stdin and stdout.</summary>
    private static void Become(Plan plan)
    {
        Pipes.Close();
        var entry = LoadFunction(plan.Output).EntryPoint!; // the compiler saw to it
        object?[] arguments = entry.GetParameters().Length == 0 ? Array.Empty<object?>() : new object?[] { Array.Empty<string>() };
        object? code = entry.Invoke(null, System.Reflection.BindingFlags.DoNotWrapExceptions, null, arguments, null);
        Environment.Exit(code as int? ?? Environment.ExitCode);
    }
}
