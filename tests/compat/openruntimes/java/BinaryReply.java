package io.openruntimes.java;

import java.util.Map;

public class BinaryReply {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    byte[] png = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, (byte) 255};
    return context.getRes().binary(png, 200, Map.of("content-type", "image/png"));
  }
}
