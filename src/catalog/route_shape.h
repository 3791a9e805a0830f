#pragma once
// What a route's path matches: "/resize/{id}" is a literal segment and a word. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/function.h"

namespace trivet::catalog {

// Slashes in front and one at the end do not count; "/" has no segments.
std::vector<std::string> route_segments(std::string_view path);
bool is_route_word(std::string_view segment);  // "{id}"

// Is there a request that both routes match, neither of them more literally than the other? A GET
// route serves HEAD too.
bool routes_collide(const HttpRoute& a, const HttpRoute& b);

// Functions of which a route collides with another function's, and what to say about it.
std::map<const FunctionSpec*, std::string> route_collisions(
    const std::vector<FunctionSpec>& functions);

std::string route_text(const HttpRoute& route);  // "GET,POST /x"; "ANY /x"

}  // namespace trivet::catalog
