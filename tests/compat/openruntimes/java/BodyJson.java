package io.openruntimes.java;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class BodyJson {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    Map<String, Object> body = context.getReq().getBodyJson();
    Map<String, Object> json = new HashMap<>();
    json.put("name", context.getReq().getBodyJson().get("name"));
    json.put("tags", ((List<?>) body.get("tags")).size());
    return context.getRes().json(json);
  }
}
