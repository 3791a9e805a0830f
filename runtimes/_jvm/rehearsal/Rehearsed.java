import java.util.LinkedHashMap;
import java.util.Map;

/** The function that a spare loads and calls before there is another. */
public class Rehearsed {
  record Input(String action, Map<String, Object> value) {}

  public Object handle(Input input, trivet.Context ctx) {
    if (input.action() == null) throw new IllegalArgumentException("none");
    ctx.getLog().debug("rehearsed", Map.of("n", 1));
    Map<String, Object> out = new LinkedHashMap<>(input.value());
    out.put("deadline", ctx.getDeadline());
    return out;
  }
}
