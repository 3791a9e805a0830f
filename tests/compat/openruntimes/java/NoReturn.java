package io.openruntimes.java;

public class NoReturn {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    context.getRes().text("This should be ignored, as it is not returned.");
    return null;
  }
}
