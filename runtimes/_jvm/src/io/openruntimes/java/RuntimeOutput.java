package io.openruntimes.java;

import java.util.Iterator;
import java.util.Map;

/** What a handler must return: the answer, made by one of context.getRes(). */
public class RuntimeOutput {
  private final byte[] body;
  private final Iterator<?> stream;
  private final int statusCode;
  private final Map<String, ?> headers;

  public RuntimeOutput(byte[] body, int statusCode, Map<String, ?> headers) {
    this(body, null, statusCode, headers);
  }

  public RuntimeOutput(byte[] body, Iterator<?> stream, int statusCode, Map<String, ?> headers) {
    this.body = body;
    this.stream = stream;
    this.statusCode = statusCode;
    this.headers = headers == null ? Map.of() : headers;
  }

  public byte[] getBody() {
    return body;
  }

  /** Not null where the body comes piece by piece. */
  public Iterator<?> getStream() {
    return stream;
  }

  public int getStatusCode() {
    return statusCode;
  }

  /** A value may be a list, or a text of several lines: then the header is sent once for each. */
  public Map<String, ?> getHeaders() {
    return headers;
  }
}
