#pragma once
// Routes that functions ask for (`triggers: http: route: "POST /resize/{id}"`): which function a
// request belongs to. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/snapshot.h"

namespace trivet::gateway {

class Routes {
 public:
  explicit Routes(const catalog::Snapshot& snapshot);

  enum class Verdict { kNone, kFound, kWrongMethod };
  struct Match {
    Verdict verdict = Verdict::kNone;
    std::string function;    // when kFound
    bool is_public = false;  // when kFound: nobody is asked for a token
    std::string allow;       // when kWrongMethod: "GET, POST"
  };
  // The most literal route wins: "/a/b" before "/a/{x}". HEAD is served by a GET route.
  Match find(std::string_view method, std::string_view path) const;
  bool empty() const { return rows_.empty(); }

 private:
  struct Row {
    std::vector<std::string> methods, segments;
    std::string function;
    bool is_public = false;
    size_t literals = 0;
  };
  std::vector<Row> rows_;  // most literal first
};

}  // namespace trivet::gateway
