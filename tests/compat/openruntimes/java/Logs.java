package io.openruntimes.java;

public class Logs {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    context.log("Debug log");
    context.log(42);
    context.log("engine:", "open-runtimes");
    context.error("Error log");
    return context.getRes().text("logged");
  }
}
