package io.openruntimes.java;

public class Throws {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    throw new Exception("kaboom");
  }
}
