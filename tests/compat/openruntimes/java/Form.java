package io.openruntimes.java;

import java.net.URLDecoder;
import java.util.HashMap;
import java.util.Map;

public class Form {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    Map<String, Object> form = new HashMap<>();
    for (String pair : ((String) context.getReq().getBody()).split("&")) {
      String[] parts = pair.split("=", 2);
      form.put(parts[0], URLDecoder.decode(parts[1], "UTF-8"));
    }
    return context.getRes().json(form);
  }
}
