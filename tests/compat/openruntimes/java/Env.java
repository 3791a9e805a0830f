package io.openruntimes.java;

public class Env {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    return context.getRes().text(System.getenv().getOrDefault("CUSTOM_ENV_VAR", null));
  }
}
