package io.openruntimes.java;

import java.util.HashMap;
import java.util.Map;

public class Headers {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    Map<String, String> given = context.getReq().getHeaders();
    Map<String, String> headers = new HashMap<String, String>();
    headers.put("X-Given", given.get("x-given"));
    headers.put("x-open-runtimes-out", "hidden");
    headers.put("content-type", "text/plain; charset=ISO-8859-1");
    String hidden = given.getOrDefault("x-open-runtimes-in", "missing");
    return context.getRes().text(given.get("cookie") + " " + hidden, 200, headers);
  }
}
