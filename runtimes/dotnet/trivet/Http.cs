using System.Collections;
using System.Text;
using System.Text.Json;
using Trivet;

namespace DotNetRuntime;

/// <summary>What a context handler gets: RuntimeOutput Main(RuntimeContext context).</summary>
public sealed class RuntimeContext
{
    private readonly Call call;

    internal RuntimeContext(Call call)
    {
        this.call = call;
        Req = new RuntimeRequest(call);
        Sdk = new Sdk(call);
    }

    /// <summary>The request.</summary>
    public RuntimeRequest Req { get; }

    /// <summary>The ways to answer it.</summary>
    public RuntimeResponse Res { get; } = new();

    /// <summary>Calls other functions.</summary>
    public Sdk Sdk { get; }

    /// <summary>Cancelled when the host wants the call to stop.</summary>
    public CancellationToken Cancellation => call.Cancellation;

    /// <summary>One line of what is given, values other than text as JSON.</summary>
    public void Log(params object?[] values) => call.Log("info", Line(values), null);

    /// <summary>The same at level error.</summary>
    public void Error(params object?[] values) => call.Log("error", Line(values), null);

    private static string Line(object?[] values)
    {
        const int most = 8000;
        string line = string.Join(' ', values.Select(Word));
        return line.Length > most ? line[..most] + "... Log truncated due to size limit (8000 characters)" : line;
    }

    private static string Word(object? value)
    {
        if (value is string text) return text;
        try
        {
            return Encoding.UTF8.GetString(Trivet.Json.Write(value, typeof(object)));
        }
        catch (Fault)
        {
            return value?.ToString() ?? "";
        }
    }
}

/// <summary>The request. It is taken apart where user code looks at it.</summary>
public sealed class RuntimeRequest
{
    private const string Hidden = "x-open-runtimes-";
    private readonly Call call;
    private Dictionary<string, string>? headers, query;
    private byte[]? bytes;

    internal RuntimeRequest(Call call) => this.call = call;

    /// <summary>Such as POST.</summary>
    public string Method => call.Facts.Text("method") ?? "POST";

    /// <summary>http or https.</summary>
    public string Scheme => call.Facts.Text("scheme") ?? "http";

    /// <summary>Without the port.</summary>
    public string Host => Address.Split(':')[0];

    /// <summary>Of the Host header, else the usual one.</summary>
    public int Port => Address.Split(':') is [_, var port] && int.TryParse(port, out int number) ? number : UsualPort;

    /// <summary>Begins with a slash.</summary>
    public string Path => call.Facts.Text("path") ?? "/";

    /// <summary>What is behind the question mark, as it is.</summary>
    public string QueryString => call.Facts.Text("query") ?? "";

    /// <summary>The whole address.</summary>
    public string Url => $"{Scheme}://{Host}{(Port == UsualPort ? "" : ":" + Port)}{Path}{(QueryString == "" ? "" : "?" + QueryString)}";

    private string Address => call.Facts.Text("host") ?? "localhost";
    private int UsualPort => Scheme == "https" ? 443 : 80;

    /// <summary>The parts of QueryString. Nothing is decoded.</summary>
    public Dictionary<string, string> Query
    {
        get
        {
            if (query != null) return query;
            query = new();
            foreach (string part in QueryString.Split('&'))
            {
                int at = part.IndexOf('=');
                string key = at < 0 ? part : part[..at];
                if (key != "") query[key] = at < 0 ? "" : part[(at + 1)..];
            }
            return query;
        }
    }

    /// <summary>Names in lower case.</summary>
    public Dictionary<string, string> Headers
    {
        get
        {
            if (headers != null) return headers;
            headers = new();
            if (call.Facts.Value("headers") is not { } told) return headers;
            foreach (JsonElement pair in told.EnumerateArray())
            {
                string name = pair[0].GetString()!, value = pair[1].GetString()!;
                if (!name.StartsWith(Hidden)) headers[name] = headers.TryGetValue(name, out string? before) ? $"{before}, {value}" : value;
            }
            return headers;
        }
    }

    /// <summary>The body as it came.</summary>
    public byte[] BodyBinary => bytes ??= call.Body.ToArray();

    /// <summary>The body as text.</summary>
    public string BodyText => Encoding.UTF8.GetString(call.Body.Span);

    /// <summary>BodyText by its old name.</summary>
    public string BodyRaw => BodyText;

    /// <summary>The body as a JSON object.</summary>
    public Dictionary<string, object?> BodyJson => BodyAs<Dictionary<string, object?>>() ?? new();

    /// <summary>The body as a type.</summary>
    public T? BodyAs<T>() => (T?)Trivet.Json.Read(call.Body.Span, typeof(T));

    /// <summary>By its content type: an object, a JsonElement when it is JSON of another kind, or text.</summary>
    public object Body
    {
        get
        {
            bool isJson = Headers.TryGetValue("content-type", out string? type) && type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase);
            if (!isJson) return BodyText;
            if (call.Body.Length == 0) return new Dictionary<string, object?>();
            var value = BodyAs<JsonElement>();
            return value.ValueKind == JsonValueKind.Object ? BodyJson : value;
        }
    }
}

/// <summary>Headers of a reply: a name may come more than once. A dictionary can be given in their place.</summary>
public sealed class Headers : IEnumerable<KeyValuePair<string, string>>
{
    private readonly List<KeyValuePair<string, string>> all = new();

    /// <summary>One more.</summary>
    public void Add(string name, string value) => all.Add(new(name.ToLowerInvariant(), value));

    /// <summary>One for each value.</summary>
    public void Add(string name, IEnumerable<string> values)
    {
        foreach (string value in values) Add(name, value);
    }

    /// <summary>In place of those with that name.</summary>
    public string this[string name]
    {
        set
        {
            all.RemoveAll(each => each.Key == name.ToLowerInvariant());
            Add(name, value);
        }
    }

    /// <summary>Those of a dictionary.</summary>
    public static implicit operator Headers?(Dictionary<string, string>? from)
    {
        if (from == null) return null;
        var headers = new Headers();
        foreach (var (name, value) in from) headers.Add(name, value);
        return headers;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => all.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>What a context handler returns; context.Res makes it.</summary>
public sealed class RuntimeOutput
{
    internal readonly ReadOnlyMemory<byte> Body;
    internal readonly IAsyncEnumerable<ReadOnlyMemory<byte>>? Pieces;
    private readonly int status;
    private readonly Headers headers;

    internal RuntimeOutput(ReadOnlyMemory<byte> body, int status, Headers? headers, IAsyncEnumerable<ReadOnlyMemory<byte>>? pieces = null) =>
        (Body, this.status, this.headers, Pieces) = (body, status, headers ?? new Headers(), pieces);

    // REPLY's meta.
    internal byte[] Head()
    {
        string type = "text/plain";
        var list = new List<string[]>();
        foreach (var (name, value) in headers)
        {
            if (name == "content-type") type = value;
            else if (!name.StartsWith("x-open-runtimes-")) list.Add(new[] { name, value });
        }
        list.Add(new[] { "content-type", WithCharset(type) });
        return Trivet.Json.Write(new Dictionary<string, object?> { ["status"] = status, ["headers"] = list }, typeof(object));
    }

    // A multipart type stays as it is: its boundary may have capitals.
    private static string WithCharset(string type)
    {
        string lower = type.ToLowerInvariant();
        if (lower.StartsWith("multipart/")) return type;
        return lower.Contains("charset=") ? lower : lower + "; charset=utf-8";
    }
}

/// <summary>The ways to answer.</summary>
public sealed class RuntimeResponse
{
    /// <summary>Text.</summary>
    public RuntimeOutput Text(string body, int statusCode = 200, Headers? headers = null) => Binary(Encoding.UTF8.GetBytes(body), statusCode, headers);

    /// <summary>Text by its old name.</summary>
    public RuntimeOutput Send(string body, int statusCode = 200, Headers? headers = null) => Text(body, statusCode, headers);

    /// <summary>Bytes.</summary>
    public RuntimeOutput Binary(byte[] bytes, int statusCode = 200, Headers? headers = null) => new(bytes, statusCode, headers);

    /// <summary>Any value as JSON.</summary>
    public RuntimeOutput Json(object? json, int statusCode = 200, Headers? headers = null) =>
        new(Trivet.Json.Write(json, typeof(object)), statusCode, With(headers, "content-type", "application/json"));

    /// <summary>Nothing: 204.</summary>
    public RuntimeOutput Empty() => new(default, 204, null);

    /// <summary>To another address.</summary>
    public RuntimeOutput Redirect(string url, int statusCode = 301, Headers? headers = null) => new(default, statusCode, With(headers, "location", url));

    /// <summary>Piece by piece, as they come.</summary>
    public RuntimeOutput Stream(IAsyncEnumerable<string> pieces, int statusCode = 200, Headers? headers = null) => new(default, statusCode, headers, Encoded(pieces));

    /// <summary>Piece by piece, as they come.</summary>
    public RuntimeOutput Stream(IAsyncEnumerable<byte[]> pieces, int statusCode = 200, Headers? headers = null) => new(default, statusCode, headers, Encoded(pieces));

    /// <summary>Piece by piece, as they come.</summary>
    public RuntimeOutput Stream(IEnumerable<string> pieces, int statusCode = 200, Headers? headers = null) => Stream(Slowly(pieces), statusCode, headers);

    private static Headers With(Headers? headers, string name, string value)
    {
        var all = new Headers();
        foreach (var (key, each) in headers ?? new Headers()) all.Add(key, each);
        all[name] = value;
        return all;
    }

    private static async IAsyncEnumerable<string> Slowly(IEnumerable<string> pieces)
    {
        foreach (string piece in pieces)
        {
            await Task.CompletedTask;
            yield return piece;
        }
    }

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> Encoded(IAsyncEnumerable<string> pieces)
    {
        await foreach (string piece in pieces) yield return Encoding.UTF8.GetBytes(piece);
    }

    private static async IAsyncEnumerable<ReadOnlyMemory<byte>> Encoded(IAsyncEnumerable<byte[]> pieces)
    {
        await foreach (byte[] piece in pieces) yield return piece;
    }
}

/// <summary>The context interface.</summary>
internal sealed class ContextFace : IFace
{
    private const string NoReturn = "Return statement missing. return context.Res.Empty() if no response is expected.";
    private readonly Method method;

    public ContextFace(System.Reflection.Assembly assembly, string name)
    {
        method = Handlers.Find(assembly, name, "Main");
        if (method.Parameters is not [{ ParameterType: var type }] || type != typeof(RuntimeContext))
            throw new Fault("LOAD_FAILED", "the handler's only parameter must be a RuntimeContext");
    }

    public Task? Answer(Call call)
    {
        var (value, later) = method.Invoke(new RuntimeContext(call));
        return later == null ? Reply(call, value) : Reply(call, later);
    }

    private static async Task Reply(Call call, Task<object?> later)
    {
        if (Reply(call, await later.ConfigureAwait(false)) is { } streaming) await streaming.ConfigureAwait(false);
    }

    private static Task? Reply(Call call, object? value)
    {
        if (value is not RuntimeOutput output) throw new Fault("INVALID_OUTPUT", NoReturn);
        if (output.Pieces != null) return call.Stream(output.Head(), output.Pieces);
        call.Reply(output.Head(), output.Body.Span);
        return null;
    }
}
