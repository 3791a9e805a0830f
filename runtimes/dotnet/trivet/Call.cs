using System.Text;
using System.Text.Json;

namespace Trivet;

/// <summary>What CALL's meta says, parsed when somebody asks.</summary>
internal sealed class Facts(ReadOnlyMemory<byte> meta)
{
    private JsonElement? parsed;

    public JsonElement? Value(string name)
    {
        parsed ??= meta.Length == 0 ? JsonDocument.Parse("{}").RootElement : JsonDocument.Parse(meta).RootElement;
        return parsed.Value.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string? Text(string name) => Value(name)?.GetString();

    public long? Number(string name) => Value(name)?.GetInt64();
}

/// <summary>One call: what the host told about it, and the ways it ends. Exactly one of Reply, Stream and Fail ends each.</summary>
internal sealed class Call(Worker worker, uint id, ReadOnlyMemory<byte> meta)
{
    private const int TextMost = 64 << 10; // characters of a message, a stack or a log line
    private const int FieldsMost = 256 << 10; // bytes of a log line's fields
    private const int PieceMost = 64 << 10; // bytes of one CHUNK

    private readonly object guard = new();
    private CancellationTokenSource? source;
    private Dictionary<long, (string Function, TaskCompletionSource<Answer> Answered)>? asks;
    private long asked;
    private long window = worker.Plan.Credit; // body bytes that CHUNKs may still carry
    private TaskCompletionSource? credited;
    private volatile bool isCancelled, hasEnded;

    public Worker Worker => worker;
    public uint Id => id;
    public ReadOnlyMemory<byte> Body;
    public MemoryStream? Parts; // of a body that comes in CHUNKs
    public Facts Facts { get; } = new(meta);
    public bool IsCancelled => isCancelled;

    public void Run() => worker.Run(this);

    public CancellationToken Cancellation
    {
        get
        {
            lock (guard)
            {
                source ??= new CancellationTokenSource();
                if (isCancelled) source.Cancel();
                return source.Token;
            }
        }
    }

    public void Cancel()
    {
        CancellationTokenSource? heard;
        lock (guard)
        {
            isCancelled = true;
            heard = source;
            credited?.TrySetResult();
        }
        heard?.CancelAsync(); // not here: this thread reads
        DropAsks("the call was cancelled");
        if (Parts != null) Fail(new Fault("CANCELLED", "the call was cancelled before its body was whole"));
    }

    public void Credit(long bytes)
    {
        lock (guard)
        {
            window += bytes;
            credited?.TrySetResult();
        }
    }

    public void Log(string level, string message, object? fields)
    {
        var told = new Dictionary<string, object?> { ["level"] = level };
        byte[] text;
        try
        {
            text = Json.Write(fields == null ? told : new Dictionary<string, object?>(told) { ["fields"] = fields }, typeof(object));
            if (text.Length > FieldsMost) text = Json.Write(told, typeof(object));
        }
        catch (Fault) // fields that JSON cannot hold are left out
        {
            text = Json.Write(told, typeof(object));
        }
        worker.Pipes.Write(Kind.Log, id, text, Encoding.UTF8.GetBytes(Cut(message)));
    }

    // ------------------------------------------------------------------ how it ends

    /// <summary>The one REPLY of a call.</summary>
    public void Reply(ReadOnlySpan<byte> head, ReadOnlySpan<byte> body)
    {
        if (12L + head.Length + body.Length > worker.Plan.MaxFrame || head.Length > Pipes.MetaMost)
            throw new Fault("INVALID_OUTPUT", $"the reply has {head.Length + body.Length} bytes, more than limits.payload allows: return less, or stream it");
        worker.Pipes.Write(Kind.Reply, id, head, body);
        End();
    }

    /// <summary>A reply in pieces, no faster than the host takes them.</summary>
    public async Task Stream(byte[] head, IAsyncEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        worker.Pipes.Write(Kind.Reply, id, head, default, more: true);
        await foreach (ReadOnlyMemory<byte> piece in pieces.WithCancellation(Cancellation).ConfigureAwait(false))
        {
            for (int at = 0; at < piece.Length;)
            {
                while (Volatile.Read(ref window) <= 0 && !isCancelled) await MoreCredit().ConfigureAwait(false);
                if (isCancelled) throw new Fault("CANCELLED", "the stream was cancelled");
                int size = (int)Math.Min(Math.Min(PieceMost, piece.Length - at), Volatile.Read(ref window));
                lock (guard) window -= size;
                worker.Pipes.Write(Kind.Chunk, id, default, piece.Span.Slice(at, size), more: true);
                at += size;
            }
        }
        if (isCancelled) throw new Fault("CANCELLED", "the stream was cancelled");
        worker.Pipes.Write(Kind.Chunk, id);
        End();
    }

    private Task MoreCredit()
    {
        lock (guard)
        {
            if (window > 0 || isCancelled) return Task.CompletedTask;
            credited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return credited.Task;
        }
    }

    public void Fail(Exception error)
    {
        worker.Pipes.Write(Kind.Error, id, Json.Write(Describe(isCancelled ? new Fault("CANCELLED", "the call was cancelled") : error), typeof(object)));
        End();
    }

    private void End()
    {
        hasEnded = true;
        worker.Forget(this);
        DropAsks("the call has ended");
    }

    /// <summary>What ERROR says of an exception. The frames that are not user code's are left out of its stack.</summary>
    public static Dictionary<string, object?> Describe(Exception error)
    {
        if (error is Fault fault) return new() { ["code"] = fault.Code, ["message"] = Cut(fault.Message) };
        while (error is AggregateException { InnerExceptions.Count: 1 } or System.Reflection.TargetInvocationException && error.InnerException is { } inner) error = inner;
        string code = error is CallException { Code: Code_.LoopDetected } ? Code_.LoopDetected : "FUNCTION_ERROR";
        string text;
        try
        {
            text = error.Message;
        }
        catch (Exception) // Message is user code too
        {
            text = "an exception that cannot be shown was thrown";
        }
        return new() { ["code"] = code, ["message"] = Cut(text), ["type"] = error.GetType().Name, ["stack"] = Cut($"{error.GetType().FullName}: {text}\n{Trimmed(error)}".TrimEnd()) };
    }

    private static readonly string[] notTheirs =
    {
        "   at Trivet.", "   at DotNetRuntime.", "   at InvokeStub_", "   at System.Reflection.", "   at System.RuntimeMethodHandle.",
        "   at System.Runtime.CompilerServices.", "   at System.Threading.", "--- End of stack trace from previous location",
    };

    private static string Trimmed(Exception error)
    {
        var lines = (error.StackTrace ?? "").Split('\n');
        string own = string.Join('\n', lines.Where(line => !notTheirs.Any(line.StartsWith)));
        return error.InnerException is { } inner ? $"{own}\n ---> {inner.GetType().FullName}: {inner.Message}\n{Trimmed(inner)}" : own;
    }

    /// <summary>Short enough for meta, and whole characters: half a surrogate pair, which UTF-8 does not have, is replaced.</summary>
    internal static string Cut(string text)
    {
        if (text.Length > TextMost) text = text[..TextMost];
        foreach (char each in text)
            if (char.IsSurrogate(each)) return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        return text;
    }

    // ------------------------------------------------------------------ calls that it makes

    public Task<Answer> Ask(string function, object? input, TimeSpan? timeout)
    {
        byte[] body = Json.Write(input, typeof(object));
        long number = Interlocked.Increment(ref asked);
        var wish = new Dictionary<string, object?> { ["ask"] = number, ["service"] = "call", ["function"] = Cut(function) };
        if (timeout is { } within) wish["timeout_ms"] = (long)Math.Max(0, within.TotalMilliseconds);
        byte[] head = Json.Write(wish, typeof(object));
        if (12L + head.Length + body.Length > worker.Plan.MaxFrame || head.Length > Pipes.MetaMost)
            throw Failed("PAYLOAD_TOO_LARGE", function, $"the input has {body.Length} bytes, more than limits.payload of its caller allows");
        var answered = new TaskCompletionSource<Answer>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (guard)
        {
            if (hasEnded || isCancelled) throw Failed("CANCELLED", function, hasEnded ? "the call has ended" : "the call was cancelled");
            (asks ??= new())[number] = (function, answered);
        }
        worker.Pipes.Write(Kind.Ask, id, head, body);
        return answered.Task;
    }

    public void Answered(Frame frame)
    {
        var told = new Facts(frame.Meta);
        (string Function, TaskCompletionSource<Answer> Answered) open;
        lock (guard)
        {
            if (asks == null || !asks.Remove(told.Number("ask") ?? 0, out open)) return; // the call that it belongs to has ended
        }
        if (told.Value("ok")?.GetBoolean() == true)
        {
            open.Answered.TrySetResult(new Answer(told.Text("type"), frame.Body));
            return;
        }
        JsonElement? error = told.Value("error");
        string text(string name) => error is { } known && known.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
        int status = error is { } facts && facts.TryGetProperty("status", out var number) ? number.GetInt32() : 0;
        open.Answered.TrySetException(new CallException(text("code"), text("function"), text("message"), status, frame.Body.ToArray(), error));
    }

    private void DropAsks(string why)
    {
        List<(string Function, TaskCompletionSource<Answer> Answered)> open;
        lock (guard)
        {
            if (asks == null) return;
            open = asks.Values.ToList();
            asks = null;
        }
        foreach (var (function, answered) in open) answered.TrySetException(Failed("CANCELLED", function, why));
    }

    private static CallException Failed(string code, string function, string why) => new(code, function, why, 0, Array.Empty<byte>(), null);
}
