package io.openruntimes.java;

import java.util.HashMap;
import java.util.Map;

public class HelloJson {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    Map<String, Object> json = new HashMap<>();
    json.put("message", "Hello Open Runtimes");
    json.put("ok", true);
    return context.getRes().json(json);
  }
}
