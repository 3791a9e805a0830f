// The usual server of the language with the same function: HttpListener. PORT on the command line.
using System.Net;
using System.Text.Json;
using System.Threading.Tasks;

var listener = new HttpListener();
listener.Prefixes.Add($"http://127.0.0.1:{args[0]}/");
listener.Start();
while (true)
{
    HttpListenerContext context = await listener.GetContextAsync();
    _ = Task.Run(async () =>
    {
        JsonElement input = await JsonSerializer.DeserializeAsync<JsonElement>(context.Request.InputStream);
        byte[] text = JsonSerializer.SerializeToUtf8Bytes(input);
        context.Response.ContentType = "application/json";
        context.Response.ContentLength64 = text.Length;
        await context.Response.OutputStream.WriteAsync(text);
        context.Response.Close();
    });
}
