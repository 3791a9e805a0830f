using System.Reflection;
using System.Text.Json;

namespace Trivet;

/// <summary>The module interface: a public static method of a public class, by the names that a call gives. Slashes are dots.</summary>
internal sealed class ModuleFace(Assembly assembly) : IFace
{
    private readonly Dictionary<(string, string), Method> known = new();

    public Task? Answer(Call call)
    {
        string module = call.Facts.Text("module") ?? "", function = call.Facts.Text("function") ?? "";
        Method method = Find(module, function);
        var (value, later) = method.Invoke(Arguments(call, method));
        return Reply(call, method, value, later);
    }

    private Method Find(string module, string function)
    {
        lock (known)
        {
            if (known.TryGetValue((module, function), out Method? method)) return method;
            string name = module.Replace('/', '.');
            Type? type = assembly.GetTypes().FirstOrDefault(each => each.IsVisible && (each.FullName == name || each.Namespace == null && each.Name == name));
            if (type == null) throw new Fault("FUNCTION_NOT_FOUND", $"there is no public class {name}");
            var found = type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly).Where(each => each.Name == function && !each.IsSpecialName && !each.IsGenericMethod).ToList();
            if (found.Count == 0) throw new Fault("FUNCTION_NOT_FOUND", $"class {name} has no public static method {function}");
            if (found.Count > 1) throw new Fault("FUNCTION_NOT_FOUND", $"class {name} has {found.Count} methods {function}: only one of a name can be called");
            return known[(module, function)] = new Method(found[0], null);
        }
    }

    private static object?[] Arguments(Call call, Method method)
    {
        if (Json.Input(call.Body.Span, typeof(JsonElement)) is not JsonElement { ValueKind: JsonValueKind.Array } list)
            throw new Fault("INVALID_INPUT", "the arguments are not a list");
        int least = method.Parameters.Count(each => !each.IsOptional);
        if (list.GetArrayLength() < least || list.GetArrayLength() > method.Parameters.Length)
            throw new Fault("INVALID_INPUT", $"it takes {method.Parameters.Length} arguments, not {list.GetArrayLength()}");
        var arguments = new object?[method.Parameters.Length];
        for (int at = 0; at < arguments.Length; at++)
        {
            if (at >= list.GetArrayLength()) arguments[at] = method.Parameters[at].DefaultValue;
            else arguments[at] = Json.Input(System.Text.Encoding.UTF8.GetBytes(list[at].GetRawText()), method.Parameters[at].ParameterType);
        }
        return arguments;
    }

    private static Task? Reply(Call call, Method method, object? value, Task<object?>? later)
    {
        if (later == null && (method.Values == null || value == null)) call.Reply(default, value == null ? "null"u8 : Json.Write(value, method.Returns));
        else return Reply(call, method, later ?? Task.FromResult(value));
        return null;
    }

    private static async Task Reply(Call call, Method method, Task<object?> later)
    {
        object? value = await later.ConfigureAwait(false);
        bool isList = value != null && method.Values != null;
        if (isList) value = await method.Values!.ListOf(value!).ConfigureAwait(false);
        call.Reply(default, value == null ? "null"u8 : Json.Write(value, isList ? typeof(object) : method.Returns));
    }
}
