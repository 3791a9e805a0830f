using Trivet;

public record Input(string? Name);

public record Output(string Message);

public static class Function
{
    // Called once per request. The JSON body becomes Input; what is returned becomes the reply.
    public static Output Handler(Input? input, Context ctx)
    {
        string name = input?.Name ?? "World";
        ctx.Log.Info("greeting", new { name });
        return new Output($"Hello, {name}!");
    }
}
