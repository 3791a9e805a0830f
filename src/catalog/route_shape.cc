#include "catalog/route_shape.h"

#include <algorithm>

namespace trivet::catalog {
namespace {

bool serves(const HttpRoute& route, std::string_view method) {
  return route.methods.empty() ||
         std::any_of(route.methods.begin(), route.methods.end(), [&](const auto& m) {
           return m == method || (m == "GET" && method == "HEAD");
         });
}

// A method that both serve: "GET", or "ANY" when both serve every one.
std::optional<std::string> shared_method(const HttpRoute& a, const HttpRoute& b) {
  if (a.methods.empty() && b.methods.empty()) return "ANY";
  for (const auto& method : a.methods)
    if (serves(b, method)) return method;
  for (const auto& method : b.methods)
    if (serves(a, method)) return method;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> route_segments(std::string_view path) {
  std::vector<std::string> out;
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    out.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(path.size(), slash + 1));
  }
  return out;
}

bool is_route_word(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

bool routes_collide(const HttpRoute& a, const HttpRoute& b) {
  if (!shared_method(a, b)) return false;
  auto one = route_segments(a.path), other = route_segments(b.path);
  if (one.size() != other.size()) return false;
  if (std::count_if(one.begin(), one.end(), is_route_word) !=
      std::count_if(other.begin(), other.end(), is_route_word))
    return false;
  return std::equal(one.begin(), one.end(), other.begin(), [](const auto& x, const auto& y) {
    return x == y || is_route_word(x) || is_route_word(y);
  });
}

std::string route_text(const HttpRoute& route) {
  std::string methods;
  for (const auto& method : route.methods) methods += (methods.empty() ? "" : ",") + method;
  return (methods.empty() ? "ANY" : methods) + " " + route.path;
}

namespace {

struct Asked {
  const FunctionSpec* spec;
  const HttpRoute* route;
};

// Routes of different groups cannot collide.
std::string group_of(const HttpRoute& route) {
  auto segments = route_segments(route.path);
  auto words = std::count_if(segments.begin(), segments.end(), is_route_word);
  std::string group = std::to_string(segments.size()) + ":" + std::to_string(words);
  if (words > 0) return group;
  for (const auto& segment : segments) group.append("/").append(segment);
  return group;
}

bool same_shape(const HttpRoute& a, const HttpRoute& b) {
  auto one = route_segments(a.path), other = route_segments(b.path);
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const auto& x, const auto& y) {
                      return x == y || (is_route_word(x) && is_route_word(y));
                    });
}

std::string collision(const Asked& a, const Asked& b) {
  std::string both = a.spec->name + " and " + b.spec->name;
  if (!same_shape(*a.route, *b.route))
    return "the routes \"" + route_text(*a.route) + "\" and \"" + route_text(*b.route) + "\" of " +
           both + " can match the same request";
  return "the route \"" + *shared_method(*a.route, *b.route) + " " + a.route->path +
         "\" is used by " + both;
}

}  // namespace

std::map<const FunctionSpec*, std::string> route_collisions(
    const std::vector<FunctionSpec>& functions) {
  std::map<std::string, std::vector<Asked>> groups;
  std::map<const FunctionSpec*, std::string> found;
  for (const auto& spec : functions)
    for (const auto& route : spec.routes) {
      Asked asked{&spec, &route};
      auto& group = groups[group_of(route)];
      for (const Asked& before : group) {
        if (before.spec == &spec || !routes_collide(*before.route, route)) continue;
        std::string why = collision(before, asked);
        found.emplace(before.spec, why);
        found.emplace(&spec, why);
      }
      group.push_back(asked);
    }
  return found;
}

}  // namespace trivet::catalog
