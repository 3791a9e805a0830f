package io.openruntimes.java;

import java.util.HashMap;
import java.util.Map;

public class Url {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    RuntimeRequest req = context.getReq();
    Map<String, Object> json = new HashMap<>();
    json.put("method", req.getMethod());
    json.put("scheme", req.getScheme());
    json.put("host", req.getHost());
    json.put("port", req.getPort());
    json.put("path", req.getPath());
    json.put("queryString", req.getQueryString());
    json.put("url", req.getUrl());
    return context.getRes().json(json);
  }
}
