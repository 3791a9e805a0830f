using System.Text.Json;

public static class Echo
{
    public static JsonElement Handler(JsonElement input) => input;
}
