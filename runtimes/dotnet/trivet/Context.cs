using System.Text.Json;

namespace Trivet;

/// <summary>What a json handler is told besides its input.</summary>
public sealed class Context
{
    private readonly Call call;

    internal Context(Call call)
    {
        this.call = call;
        Log = new Log(call);
        Sdk = new Sdk(call);
    }

    /// <summary>Identifies the call in logs.</summary>
    public string CallId => call.Facts.Text("id") ?? "";

    /// <summary>The function's name.</summary>
    public string Function => call.Worker.Plan.Function;

    /// <summary>Who calls: a JSON object, or nothing.</summary>
    public JsonElement? Auth => call.Facts.Value("auth");

    /// <summary>The function's own environment.</summary>
    public IReadOnlyDictionary<string, string> Env => call.Worker.Plan.Env;

    /// <summary>When the call must have ended, in Unix milliseconds.</summary>
    public long DeadlineMs => call.Facts.Number("deadline_ms") ?? 0;

    /// <summary>The time that is left.</summary>
    public TimeSpan Remaining => TimeSpan.FromMilliseconds(DeadlineMs - DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());

    /// <summary>Cancelled when the host wants the call to stop.</summary>
    public CancellationToken Cancellation => call.Cancellation;

    /// <summary>Writes lines that know their call.</summary>
    public Log Log { get; }

    /// <summary>Calls other functions.</summary>
    public Sdk Sdk { get; }
}

/// <summary>Log lines with a level and fields.</summary>
public sealed class Log
{
    private readonly Call call;

    internal Log(Call call) => this.call = call;

    /// <summary>A line at level debug; fields is any object whose JSON is an object.</summary>
    public void Debug(string message, object? fields = null) => call.Log("debug", message, fields);

    /// <summary>A line at level info.</summary>
    public void Info(string message, object? fields = null) => call.Log("info", message, fields);

    /// <summary>A line at level warn.</summary>
    public void Warn(string message, object? fields = null) => call.Log("warn", message, fields);

    /// <summary>A line at level error.</summary>
    public void Error(string message, object? fields = null) => call.Log("error", message, fields);
}

/// <summary>A call of another function that failed.</summary>
public sealed class CallException : Exception
{
    internal CallException(string code, string function, string message, int status, byte[] body, JsonElement? details)
        : base(code == Code_.LoopDetected ? message : $"{function}: {code}: {message}")
    {
        (Code, Function, Status, Body, Details) = (code, function, status, body, details);
        Reason = message;
    }

    /// <summary>Such as FUNCTION_TIMEOUT.</summary>
    public string Code { get; }

    /// <summary>Who was called.</summary>
    public string Function { get; }

    /// <summary>The host's sentence alone; Message has function and code in front.</summary>
    public string Reason { get; }

    /// <summary>Of a function that answered with 400 or more; else 0.</summary>
    public int Status { get; }

    /// <summary>What such a function answered.</summary>
    public byte[] Body { get; }

    /// <summary>All that is known: a JSON object.</summary>
    public JsonElement? Details { get; }
}

/// <summary>Calls of other functions. They end with the call that they are made in.</summary>
public sealed class Sdk
{
    private readonly Call call;

    internal Sdk(Call call) => this.call = call;

    /// <summary>
    /// Calls a function with input, written as JSON, and gives what it returns: a JSON reply as T, a list of the values of one that
    /// streamed lines, text of a text reply when T is string or object, the bytes when T is byte[].
    /// </summary>
    public async Task<T> Call<T>(string function, object? input = null, TimeSpan? timeout = null)
    {
        Answer answer = await call.Ask(function, input, timeout).ConfigureAwait(false);
        return (T)answer.Decode(typeof(T))!;
    }

    /// <summary>The same for a value whose type is not known: a JsonElement, a string or bytes.</summary>
    public Task<object?> Call(string function, object? input = null, TimeSpan? timeout = null) => Call<object?>(function, input, timeout);
}

internal static class Code_
{
    public const string LoopDetected = "LOOP_DETECTED";
}

/// <summary>A failure that has a code of its own in the protocol.</summary>
internal sealed class Fault(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}

/// <summary>An ANSWER frame that says ok.</summary>
internal sealed record Answer(string? Type, ReadOnlyMemory<byte> Body)
{
    public object? Decode(Type wanted)
    {
        string type = Type ?? "application/json";
        if (wanted == typeof(byte[])) return Body.ToArray();
        if (wanted == typeof(object) || wanted == typeof(string))
        {
            if (type.StartsWith("text/")) return System.Text.Encoding.UTF8.GetString(Body.Span);
            if (wanted == typeof(object) && !type.StartsWith("application/json") && !type.StartsWith("application/x-ndjson")) return Body.ToArray();
        }
        if (!type.StartsWith("application/x-ndjson")) return Json.Read(Body.Span, wanted);
        var lines = System.Text.Encoding.UTF8.GetString(Body.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return Json.Read(System.Text.Encoding.UTF8.GetBytes("[" + string.Join(',', lines) + "]"), wanted);
    }
}
