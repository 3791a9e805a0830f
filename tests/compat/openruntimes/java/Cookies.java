package io.openruntimes.java;

import java.util.HashMap;
import java.util.Map;

public class Cookies {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    Map<String, String> headers = new HashMap<>();
    headers.put("set-cookie", String.join("\n", "cookie=value; path=/", "cookie2=value2; path=/"));
    headers.put("x-other", "one");
    return context.getRes().text("ok", 200, headers);
  }
}
