package io.openruntimes.java;

import java.util.HashMap;
import java.util.Map;

public class Query {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    RuntimeRequest req = context.getReq();
    Map<String, String> headers = new HashMap<>();
    headers.put("x-query", req.getQueryString());
    return context.getRes().json(new HashMap<String, Object>(req.getQuery()), 200, headers);
  }
}
