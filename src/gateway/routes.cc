#include "gateway/routes.h"

#include <algorithm>

#include "catalog/route_shape.h"

namespace trivet::gateway {
Routes::Routes(const catalog::Snapshot& snapshot) {
  for (const auto& [name, spec] : snapshot.functions)
    for (const auto& route : spec->routes) {
      Row row{route.methods, catalog::route_segments(route.path), name, route.is_public, 0};
      for (const auto& segment : row.segments)
        row.literals += catalog::is_route_word(segment) ? 0 : 1;
      rows_.push_back(std::move(row));
    }
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.literals > b.literals; });
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
  if (rows_.empty()) return {};
  auto segments = catalog::route_segments(path);
  Match match;
  for (const Row& row : rows_) {
    if (row.segments.size() != segments.size()) continue;
    bool fits = std::equal(segments.begin(), segments.end(), row.segments.begin(),
                           [](const auto& have, const auto& want) {
                             return catalog::is_route_word(want) || have == want;
                           });
    if (!fits) continue;
    bool allowed = row.methods.empty() ||
                   std::any_of(row.methods.begin(), row.methods.end(), [&](const auto& m) {
                     return m == method || (m == "GET" && method == "HEAD");
                   });
    if (allowed) return {Verdict::kFound, row.function, row.is_public, {}};
    match.verdict = Verdict::kWrongMethod;
    for (const auto& m : row.methods) match.allow += (match.allow.empty() ? "" : ", ") + m;
  }
  return match;
}

}  // namespace trivet::gateway
