package io.openruntimes.java;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import trivet.worker.JsonReader;

/** The request of a call. It is taken apart only where user code looks at it. */
public class RuntimeRequest {
  private static final String HIDDEN = "x-open-runtimes-";
  private final Map<String, Object> facts;
  private final byte[] body;
  private Map<String, String> headers;
  private String host;
  private int port;

  /** `facts` are those of CALL's meta. */
  public RuntimeRequest(Map<String, Object> facts, byte[] body) {
    this.facts = facts;
    this.body = body;
  }

  private String fact(String name, String otherwise) {
    return facts.get(name) instanceof String text ? text : otherwise;
  }

  public byte[] getBodyBinary() {
    return body;
  }

  public String getBodyText() {
    return new String(body, StandardCharsets.UTF_8);
  }

  public String getBodyRaw() {
    return getBodyText();
  }

  /** A body that is a JSON object. Of one that may be anything else, see getBody(). A body that is not JSON throws. */
  @SuppressWarnings("unchecked")
  public Map<String, Object> getBodyJson() {
    if (parsed() instanceof Map<?, ?> map) return (Map<String, Object>) map;
    throw new IllegalArgumentException("the body is JSON, but no object: getBody() takes any value");
  }

  // User code looks at the body, so what is wrong with it is an error of user code, which it may catch.
  private Object parsed() {
    try {
      return JsonReader.parse(body);
    } catch (RuntimeException wrong) {
      throw new IllegalArgumentException(wrong.getMessage());
    }
  }

  /** The parsed body when the content type is JSON, else its text. */
  public Object getBody() {
    String type = getHeaders().getOrDefault("content-type", "").toLowerCase(Locale.ROOT);
    if (!type.startsWith("application/json")) return getBodyText();
    return body.length > 0 ? parsed() : new LinkedHashMap<String, Object>();
  }

  public Map<String, String> getHeaders() {
    if (headers != null) return headers;
    Map<String, String> all = new LinkedHashMap<>();
    for (Object each : facts.get("headers") instanceof List<?> list ? list : List.of()) {
      List<?> pair = (List<?>) each;
      String name = String.valueOf(pair.get(0));
      if (!name.startsWith(HIDDEN)) all.merge(name, String.valueOf(pair.get(1)), (a, b) -> a + ", " + b);
    }
    return headers = all;
  }

  public String getMethod() {
    return fact("method", "POST");
  }

  public String getPath() {
    return fact("path", "/");
  }

  public String getScheme() {
    return fact("scheme", "http");
  }

  public String getHost() {
    if (host == null) splitHost(fact("host", "localhost"));
    return host;
  }

  public int getPort() {
    getHost();
    return port;
  }

  private int defaultPort() {
    return getScheme().equals("https") ? 443 : 80;
  }

  private void splitHost(String text) {
    int colon = text.lastIndexOf(':');
    String digits = text.substring(colon + 1);
    boolean has = colon >= 0 && !digits.isEmpty() && digits.length() < 6 && digits.chars().allMatch(c -> c >= '0' && c <= '9');
    port = has ? Integer.parseInt(digits) : defaultPort();
    host = has ? text.substring(0, colon) : text;
  }

  public String getQueryString() {
    return fact("query", "");
  }

  /** Split at `&`, then at the first `=`; nothing is decoded. */
  public Map<String, String> getQuery() {
    Map<String, String> query = new LinkedHashMap<>();
    for (String part : getQueryString().split("&")) {
      int at = part.indexOf('=');
      String key = at < 0 ? part : part.substring(0, at);
      if (!key.isEmpty()) query.put(key, at < 0 ? "" : part.substring(at + 1));
    }
    return query;
  }

  public String getUrl() {
    String shown = getPort() == defaultPort() ? "" : ":" + getPort();
    String query = getQueryString().isEmpty() ? "" : "?" + getQueryString();
    return getScheme() + "://" + getHost() + shown + getPath() + query;
  }
}
