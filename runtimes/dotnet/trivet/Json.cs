using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Trivet;

/// <summary>JSON as the web has it: camel case out, any case in, text as it is.</summary>
internal static class Json
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 256,
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    public static object? Read(ReadOnlySpan<byte> text, Type type) => JsonSerializer.Deserialize(text, Options.GetTypeInfo(type));

    /// <summary>Written as the type that is declared; as what it is when that is object.</summary>
    public static byte[] Write(object? value, Type declared)
    {
        try
        {
            return JsonSerializer.SerializeToUtf8Bytes(value, Options.GetTypeInfo(declared == typeof(object) && value != null ? value.GetType() : declared));
        }
        catch (Exception error) when (error is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new Fault("INVALID_OUTPUT", $"the value cannot be written as JSON: {error.Message}");
        }
    }

    /// <summary>The body as a type; what is not JSON, or not that type, is the caller's fault.</summary>
    public static object? Input(ReadOnlySpan<byte> body, Type type)
    {
        try
        {
            if (body.Length > 0) return Read(body, type);
            return type.IsValueType ? Activator.CreateInstance(type) : null;
        }
        catch (JsonException error)
        {
            throw new Fault("INVALID_INPUT", $"the input is not what the handler takes: {error.Message}");
        }
    }
}

/// <summary>A method of user code that was looked at once, and is called many times.</summary>
internal sealed class Method
{
    private readonly MethodInvoker invoker;
    private readonly object? target;
    private readonly Outcome? outcome; // of a task that has a value

    public ParameterInfo[] Parameters { get; }
    public Type Returns { get; } // without Task around it; void when there is none
    public Outcome? Values { get; } // of an asynchronous iterator

    public Method(MethodInfo method, object? target)
    {
        (this.target, invoker, Parameters) = (target, MethodInvoker.Create(method), method.GetParameters());
        Type type = method.ReturnType;
        if (type == typeof(Task) || type == typeof(ValueTask)) type = typeof(void);
        else if (type.IsGenericType && (type.GetGenericTypeDefinition() == typeof(Task<>) || type.GetGenericTypeDefinition() == typeof(ValueTask<>)))
        {
            type = type.GetGenericArguments()[0];
            outcome = Outcome.Of(type);
        }
        Returns = type;
        Values = OfIterator(type);
    }

    /// <summary>How the values of an asynchronous iterator of that type are read; null when it is none.</summary>
    public static Outcome? OfIterator(Type type)
    {
        bool iterates(Type each) => each.IsGenericType && each.GetGenericTypeDefinition() == typeof(IAsyncEnumerable<>);
        Type? found = iterates(type) ? type : type.GetInterfaces().FirstOrDefault(iterates);
        return found == null ? null : Outcome.Of(found.GetGenericArguments()[0]);
    }

    /// <summary>The value, or a task that gives it.</summary>
    public (object? Value, Task<object?>? Later) Invoke(params object?[] arguments)
    {
        object? result = invoker.Invoke(target, arguments.AsSpan());
        switch (result)
        {
            case Task task when outcome != null: return task.IsCompletedSuccessfully ? (outcome.ValueOf(task), null) : (null, Later(task));
            case Task task: return task.IsCompletedSuccessfully ? (null, null) : (null, Later(task));
            case ValueTask { IsCompletedSuccessfully: true }: return (null, null);
            case ValueTask task: return (null, Later(task.AsTask()));
            case not null when outcome != null: return (null, Later(outcome.TaskOf(result))); // a ValueTask<T>
            default: return (result, null);
        }
    }

    private async Task<object?> Later(Task task)
    {
        await task.ConfigureAwait(false);
        return outcome?.ValueOf(task);
    }
}

/// <summary>What is behind a task or an iterator of some type.</summary>
internal abstract class Outcome
{
    public static Outcome Of(Type type) => (Outcome)Activator.CreateInstance(typeof(Outcome<>).MakeGenericType(type))!;
    public abstract object? ValueOf(Task task);
    public abstract Task TaskOf(object valueTask);
    public abstract IAsyncEnumerable<ReadOnlyMemory<byte>> Pieces(object values, Func<object?, Type, ReadOnlyMemory<byte>> encode);
    public abstract Task<object?> ListOf(object values);
}

internal sealed class Outcome<T> : Outcome
{
    public override object? ValueOf(Task task) => ((Task<T>)task).Result;

    public override Task TaskOf(object valueTask) => ((ValueTask<T>)valueTask).AsTask();

    public override async IAsyncEnumerable<ReadOnlyMemory<byte>> Pieces(object values, Func<object?, Type, ReadOnlyMemory<byte>> encode)
    {
        await foreach (T value in (IAsyncEnumerable<T>)values) yield return encode(value, typeof(T));
    }

    public override async Task<object?> ListOf(object values)
    {
        var all = new List<T>();
        await foreach (T value in (IAsyncEnumerable<T>)values) all.Add(value);
        return all;
    }
}

/// <summary>The json interface: Handler(input, ctx) with whatever types it declares.</summary>
internal sealed class JsonFace : IFace
{
    private static readonly byte[] streamHead = """{"headers":[["content-type","application/x-ndjson"]]}"""u8.ToArray();
    private readonly Method method;
    private readonly Type? input;

    public JsonFace(Assembly assembly, string name)
    {
        method = Handlers.Find(assembly, name, "Handler");
        foreach (var parameter in method.Parameters)
        {
            if (IsOurs(parameter.ParameterType)) continue;
            if (input != null) throw new Fault("LOAD_FAILED", "a handler takes one input, a Context and a CancellationToken, or some of them");
            input = parameter.ParameterType;
        }
    }

    private static bool IsOurs(Type type) => type == typeof(Context) || type == typeof(CancellationToken);

    public Task? Answer(Call call)
    {
        var arguments = new object?[method.Parameters.Length];
        if (input == null && call.Body.Length > 0) Json.Input(call.Body.Span, typeof(JsonElement)); // it must be JSON all the same
        for (int at = 0; at < arguments.Length; at++)
        {
            Type type = method.Parameters[at].ParameterType;
            arguments[at] = type == typeof(Context) ? new Context(call) : type == typeof(CancellationToken) ? call.Cancellation : Json.Input(call.Body.Span, type);
        }
        var (value, later) = method.Invoke(arguments);
        return later == null ? Reply(call, value) : Reply(call, later);
    }

    private async Task Reply(Call call, Task<object?> later)
    {
        if (Reply(call, await later.ConfigureAwait(false)) is { } streaming) await streaming.ConfigureAwait(false);
    }

    private Task? Reply(Call call, object? value)
    {
        if ((method.Values ?? (method.Returns == typeof(object) && value != null ? Method.OfIterator(value.GetType()) : null)) is { } values && value != null)
            return call.Stream(streamHead, values.Pieces(value, Line));
        call.Reply(default, value == null || method.Returns == typeof(void) ? "null"u8 : Json.Write(value, method.Returns));
        return null;
    }

    private static ReadOnlyMemory<byte> Line(object? value, Type type)
    {
        if (value is byte[] bytes) return bytes;
        byte[] text = Json.Write(value, type);
        Array.Resize(ref text, text.Length + 1);
        text[^1] = (byte)'\n';
        return text;
    }
}

/// <summary>Finds what the manifest names, or the method that has the usual name.</summary>
internal static class Handlers
{
    private const BindingFlags Any = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;

    public static Method Find(Assembly assembly, string name, string usual)
    {
        string wanted = name.Length > 0 ? name : usual;
        string? type = wanted.Contains('.') ? wanted[..wanted.LastIndexOf('.')] : null;
        string method = wanted[(wanted.LastIndexOf('.') + 1)..];
        var found = (from each in assembly.GetTypes()
                     where !each.Name.StartsWith('<') && !each.IsAbstract | each.IsSealed && (type == null || each.FullName == type || each.Name == type)
                     from one in each.GetMethods(Any)
                     where one.Name == method && !one.IsGenericMethod && !one.IsPrivate
                     select one).ToList();
        if (found.Count == 0) throw new Fault("LOAD_FAILED", $"there is no method {wanted}: write public static object {method}(JsonElement input, Context ctx) in a class, or name another in the manifest");
        if (found.Count > 1) throw new Fault("LOAD_FAILED", $"there are several methods {wanted} ({string.Join(", ", found.Select(one => one.DeclaringType!.FullName + "." + one.Name))}): name one in the manifest");
        return new Method(found[0], found[0].IsStatic ? null : Activator.CreateInstance(found[0].DeclaringType!, true));
    }
}
