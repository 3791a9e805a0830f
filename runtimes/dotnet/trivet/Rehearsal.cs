using System.Text;
using System.Text.Json;

namespace Trivet;

/// <summary>
/// A spare has time: what functions use most is loaded before one comes, and the way of a call has been gone some times, so that nothing on
/// it is compiled or looked up for the first time then.
/// </summary>
internal static class Rehearsal
{
    private const int Times = 3;

    public sealed record Input(string? Name, int Count, double[]? Items);

    public sealed record Output(string Message, Dictionary<string, object?> Facts);

    /// <summary>What a first call does, with a function of our own. Nobody hears of it.</summary>
    public static void WarmUp(Worker worker)
    {
        worker.Pipes.Mute = true;
        var plan = new Plan { Function = "", Handler = "Trivet.Rehearsal.Handle", Concurrency = 1 };
        string load = """{"function":"f","dir":"/","entrypoint":"","handler":"","interface":"json","env":{"A":"b"},"concurrency":1,"max_frame":100000,"credit":1000}""";
        JsonSerializer.Deserialize<Plan>(load, Json.Options);
        worker.Open(typeof(Rehearsal).Assembly, plan);
        for (uint id = 1; id <= Times; id++)
        {
            foreach (string body in new[] { """{"name":"Ada","count":2,"items":[1,2.5]}""", """{"name":"slow"}""", """{"name":"fail"}""" }) Once(worker, id, body);
        }
        worker.Open(typeof(Rehearsal).Assembly, plan with { Interface = "context", Handler = "Trivet.Rehearsal.Respond" });
        Once(worker, 1, "{}");
        foreach (Type loaded in new[] { typeof(HttpClient), typeof(System.Text.RegularExpressions.Regex), typeof(System.Collections.Immutable.ImmutableArray) })
            System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(loaded.TypeHandle);
        worker.Pipes.Mute = false;
    }

    private static void Once(Worker worker, uint id, string body)
    {
        byte[] meta = """{"id":"","deadline_ms":0,"headers":[["content-type","application/json"]],"host":"a","path":"/"}"""u8.ToArray();
        var call = worker.Take(new Frame(Kind.Call, false, id, meta, Encoding.UTF8.GetBytes(body)));
        worker.Run(call!);
        SpinWait.SpinUntil(() => worker.IsCalm); // one that waits goes on in another thread: its reply is swallowed, too
    }

    internal static async Task<Output> Handle(Input input, Context ctx)
    {
        ctx.Log.Info("rehearsing", new { n = 1 });
        if (input.Name == "fail") throw new InvalidOperationException("rehearsed");
        if (input.Name == "slow") await Task.Yield();
        return new Output($"Hello, {input.Name}", new() { ["id"] = ctx.CallId, ["deadline"] = ctx.DeadlineMs, ["items"] = input.Items?.Sum() });
    }

    internal static DotNetRuntime.RuntimeOutput Respond(DotNetRuntime.RuntimeContext context)
    {
        context.Log("rehearsing", new { n = 1 });
        return context.Res.Json(new Dictionary<string, object?> { ["body"] = context.Req.Body, ["path"] = context.Req.Url });
    }
}

/// <summary>Where calls run at once, what each prints goes to the host as LOG frames with its id.</summary>
internal static class Prints
{
    public static readonly AsyncLocal<Call?> Current = new();

    public static void Attribute()
    {
        Console.SetOut(new Lines(Console.Out, "info"));
        Console.SetError(new Lines(Console.Error, "error"));
    }

    private sealed class Lines(TextWriter plain, string level) : TextWriter
    {
        private readonly AsyncLocal<StringBuilder?> begun = new();

        public override Encoding Encoding => plain.Encoding;

        public override void Write(char value) => Write(value.ToString());

        public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

        public override void Write(ReadOnlySpan<char> buffer) => Write(new string(buffer));

        public override void WriteLine(string? value) => Write(value + "\n");

        public override void Write(string? value)
        {
            if (Current.Value is not { } call)
            {
                plain.Write(value);
                return;
            }
            var text = begun.Value ??= new StringBuilder();
            text.Append(value);
            string all = text.ToString();
            int end = all.LastIndexOf('\n');
            if (end < 0) return;
            text.Clear().Append(all, end + 1, all.Length - end - 1);
            foreach (string line in all[..end].Split('\n')) call.Log(level, line, null);
        }
    }
}
