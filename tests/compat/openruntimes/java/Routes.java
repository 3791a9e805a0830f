package io.openruntimes.java;

import java.util.List;
import java.util.Map;

public class Routes {
  public RuntimeOutput main(RuntimeContext context) throws Exception {
    RuntimeRequest req = context.getReq();
    RuntimeResponse res = context.getRes();
    String id = req.getPath().startsWith("/users/") ? req.getPath().substring(7) : "";
    switch (req.getMethod() + " " + (id.isEmpty() ? req.getPath() : "/users/:id")) {
      case "GET /users":
        return res.json(Map.of("users", List.of("ada", "bob")));
      case "POST /users":
        return res.text("created " + req.getBodyRaw(), 201);
      case "PATCH /users/:id":
        return res.text("changed " + id);
      case "DELETE /users/:id":
        return res.empty();
      default:
        return res.text(req.getMethod() + " " + req.getPath() + " is not here", 404);
    }
  }
}
