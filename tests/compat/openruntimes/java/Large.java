package io.openruntimes.java;

import java.util.Map;

public class Large {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    byte[] body = context.getReq().getBodyBinary();
    return context.getRes().binary(body, 200, Map.of("x-size", String.valueOf(body.length)));
  }
}
