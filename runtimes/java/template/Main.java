import java.util.Map;
import trivet.Context;

public class Main {
  record Input(String name) {}

  /** Called once per request. The JSON body becomes the input; what is returned becomes the reply. */
  public Map<String, String> handle(Input input, Context ctx) {
    String name = input == null || input.name() == null ? "World" : input.name();
    ctx.getLog().info("greeting", Map.of("name", name));
    return Map.of("message", "Hello, " + name + "!");
  }
}
