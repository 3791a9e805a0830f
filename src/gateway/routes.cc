#include "gateway/routes.h"

#include <algorithm>

namespace trivet::gateway {
namespace {

std::vector<std::string> split(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    out.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(path.size(), slash + 1));
  }
  return out;
}

bool is_word(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

}  // namespace

Routes::Routes(const catalog::Snapshot& snapshot) {
  for (const auto& [name, spec] : snapshot.functions)
    for (const auto& route : spec->routes) {
      Row row{route.methods, split(route.path), name, 0};
      for (const auto& segment : row.segments) row.literals += is_word(segment) ? 0 : 1;
      rows_.push_back(std::move(row));
    }
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Row& a, const Row& b) { return a.literals > b.literals; });
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
  if (rows_.empty()) return {};
  auto segments = split(path);
  Match match;
  for (const Row& row : rows_) {
    if (row.segments.size() != segments.size()) continue;
    bool fits = std::equal(
        segments.begin(), segments.end(), row.segments.begin(),
        [](const auto& have, const auto& want) { return is_word(want) || have == want; });
    if (!fits) continue;
    bool allowed = row.methods.empty() ||
                   std::any_of(row.methods.begin(), row.methods.end(), [&](const auto& m) {
                     return m == method || (m == "GET" && method == "HEAD");
                   });
    if (allowed) return {Verdict::kFound, row.function};
    match = {Verdict::kWrongMethod, row.function};
  }
  return match;
}

}  // namespace trivet::gateway
