package io.openruntimes.java;

import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import trivet.worker.JsonWriter;

/** The ways to answer. A handler returns what one of these made. */
public class RuntimeResponse {
  public RuntimeOutput binary(byte[] body, int statusCode, Map<String, ?> headers) {
    return new RuntimeOutput(body, null, statusCode, headers);
  }

  public RuntimeOutput binary(byte[] body, int statusCode) {
    return binary(body, statusCode, Map.of());
  }

  public RuntimeOutput binary(byte[] body) {
    return binary(body, 200);
  }

  public RuntimeOutput text(String body, int statusCode, Map<String, ?> headers) {
    return binary((body == null ? "" : body).getBytes(StandardCharsets.UTF_8), statusCode, headers);
  }

  public RuntimeOutput text(String body, int statusCode) {
    return text(body, statusCode, Map.of());
  }

  public RuntimeOutput text(String body) {
    return text(body, 200);
  }

  public RuntimeOutput send(String body, int statusCode, Map<String, ?> headers) {
    return text(body, statusCode, headers);
  }

  public RuntimeOutput send(String body, int statusCode) {
    return text(body, statusCode);
  }

  public RuntimeOutput send(String body) {
    return text(body);
  }

  public RuntimeOutput json(Object value, int statusCode, Map<String, ?> headers) {
    Map<String, Object> all = new LinkedHashMap<>(headers);
    all.put("content-type", "application/json");
    return binary(JsonWriter.bytes(value), statusCode, all);
  }

  public RuntimeOutput json(Object value, int statusCode) {
    return json(value, statusCode, Map.of());
  }

  public RuntimeOutput json(Object value) {
    return json(value, 200);
  }

  public RuntimeOutput empty() {
    return text("", 204);
  }

  public RuntimeOutput redirect(String url, int statusCode, Map<String, ?> headers) {
    Map<String, Object> all = new LinkedHashMap<>(headers);
    all.put("location", url);
    return text("", statusCode, all);
  }

  public RuntimeOutput redirect(String url, int statusCode) {
    return redirect(url, statusCode, Map.of());
  }

  public RuntimeOutput redirect(String url) {
    return redirect(url, 301);
  }

  /** Pieces are byte arrays, or text. */
  public RuntimeOutput stream(Iterator<?> pieces, int statusCode, Map<String, ?> headers) {
    return new RuntimeOutput(null, pieces, statusCode, headers);
  }

  public RuntimeOutput stream(Iterable<?> pieces, int statusCode, Map<String, ?> headers) {
    return stream(pieces.iterator(), statusCode, headers);
  }

  public RuntimeOutput stream(Iterable<?> pieces) {
    return stream(pieces, 200, Map.of());
  }
}
