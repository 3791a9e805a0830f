package io.openruntimes.java;

public class Redirect {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    if (context.getReq().getPath().equals("/temporary")) {
      return context.getRes().redirect("https://example.com/?a=b&c=d", 302);
    }
    return context.getRes().redirect("https://github.com/");
  }
}
