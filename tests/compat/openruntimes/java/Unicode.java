package io.openruntimes.java;

import java.util.Map;

public class Unicode {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    return context.getRes().json(Map.of("greeting", "Grüße, " + context.getReq().getBodyText() + "! 👋"));
  }
}
