package io.openruntimes.java;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import trivet.Sdk;
import trivet.worker.JsonWriter;

/** The one argument of a handler of the context interface. */
public class RuntimeContext {
  private static final int LINE_MOST = 8000;
  private final RuntimeRequest req;
  private final RuntimeResponse res = new RuntimeResponse();
  private final BiConsumer<String, String> sink;
  private final Sdk sdk;

  /** `sink` takes a level and a message. */
  public RuntimeContext(RuntimeRequest req, Sdk sdk, BiConsumer<String, String> sink) {
    this.req = req;
    this.sdk = sdk;
    this.sink = sink;
  }

  public RuntimeRequest getReq() {
    return req;
  }

  public RuntimeResponse getRes() {
    return res;
  }

  public Sdk getSdk() {
    return sdk;
  }

  public void log(Object... values) {
    sink.accept("info", line(values));
  }

  public void error(Object... values) {
    sink.accept("error", line(values));
  }

  private static String line(Object[] values) {
    List<String> texts = new ArrayList<>();
    for (Object value : values == null ? new Object[] {null} : values) texts.add(text(value));
    List<String> lines = new ArrayList<>();
    for (String each : String.join(" ", texts).split("\n", -1)) lines.add(each.length() > LINE_MOST ? each.substring(0, LINE_MOST) : each);
    return String.join("\n", lines);
  }

  private static String text(Object value) {
    if (value == null || value instanceof CharSequence || value instanceof Number || value instanceof Boolean) return String.valueOf(value);
    if (value instanceof Throwable error) return trivet.worker.Failures.stackOf(error);
    try {
      if (value instanceof Map || value instanceof Iterable || value.getClass().isArray() || value instanceof Record) return JsonWriter.text(value);
    } catch (RuntimeException circle) {
      return "(cannot be shown: " + circle.getMessage() + ")";
    }
    return String.valueOf(value);
  }
}
