package io.openruntimes.java;

public class EchoText {
  public RuntimeOutput main(RuntimeContext context) {
    return context.getRes().text(context.getReq().getBodyText());
  }
}
