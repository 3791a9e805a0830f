package io.openruntimes.java;

import java.util.Map;

public class BodyBinary {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    byte[] body = context.getReq().getBodyBinary();
    byte[] reversed = new byte[body.length];
    for (int i = 0; i < body.length; i++) {
      reversed[i] = body[body.length - 1 - i];
    }
    return context.getRes().binary(reversed, 200, Map.of("content-type", context.getReq().getHeaders().get("content-type")));
  }
}
