package io.openruntimes.java;

public class Empty {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    return context.getRes().empty();
  }
}
