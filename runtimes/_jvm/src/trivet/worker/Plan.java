package trivet.worker;

import java.util.Map;

/** What LOAD said. */
record Plan(String function, String dir, String entrypoint, String handler, String face, Map<String, Object> env, int concurrency, int maxFrame,
    long credit, String output) {
  @SuppressWarnings("unchecked")
  static Plan of(Map<String, Object> meta) {
    return new Plan(text(meta, "function"), text(meta, "dir"), text(meta, "entrypoint"), text(meta, "handler"), text(meta, "interface"),
        meta.get("env") instanceof Map<?, ?> env ? (Map<String, Object>) env : Map.of(), (int) number(meta, "concurrency", 1),
        (int) Math.min(number(meta, "max_frame", 1 << 25), Integer.MAX_VALUE), number(meta, "credit", 1 << 18), text(meta, "output"));
  }

  private static String text(Map<String, Object> meta, String name) {
    return meta.get(name) instanceof String text ? text : "";
  }

  private static long number(Map<String, Object> meta, String name, long otherwise) {
    return meta.get(name) instanceof Number number ? number.longValue() : otherwise;
  }
}
