package io.openruntimes.java;

public class Status {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    context.getRes().text("This should be ignored.");
    return context.getRes().text("I am a teapot", 418);
  }
}
