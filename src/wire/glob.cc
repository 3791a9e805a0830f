#include <algorithm>
#include <string>
#include <vector>

#include "wire/text.h"

namespace trivet::wire {
namespace {

constexpr size_t kLongestGlob = 4096;
constexpr size_t kMostCombinations = 64;
constexpr int kMostSteps = 200'000;

// Whether the one-character pattern at `at` (a literal, ? or [set]) takes `c`; if so, moves past
// it.
bool take_one(std::string_view glob, size_t& at, char c) {
  size_t close = glob[at] == '[' ? glob.find(']', at + 1) : std::string_view::npos;
  if (close == std::string_view::npos) {
    if (glob[at] == '?' ? c == '/' : glob[at] != c) return false;
    ++at;
    return true;
  }
  std::string_view set = glob.substr(at + 1, close - at - 1);
  bool negate = !set.empty() && (set[0] == '!' || set[0] == '^');
  if (negate) set.remove_prefix(1);
  bool in = false;
  while (!set.empty()) {
    bool range = set.size() > 2 && set[1] == '-';
    in |= range ? set[0] <= c && c <= set[2] : set[0] == c;
    set.remove_prefix(range ? 3 : 1);
  }
  if (c == '/' || in == negate) return false;
  at = close + 1;
  return true;
}

// A wildcard that was met: what follows it in the glob, and how much of the path it leaves to that.
struct Mark {
  size_t glob = 0, path = 0;
  bool met = false;
  bool whole_segments = false;  // "**/": ends where a segment ends
};

// Lets the wildcard take more of the path; false when it cannot.
bool widen(Mark& deep, std::string_view path) {
  size_t slash = deep.whole_segments ? path.find('/', deep.path) : deep.path;
  if (slash >= path.size()) return false;  // npos too
  deep.path = slash + 1;
  return true;
}

// Without braces. Only the last * and the last ** have to be tried again: an earlier one that took
// less leaves more to the later one, which can take anything that the earlier could have.
bool match(std::string_view glob, std::string_view path, int& steps) {
  size_t g = 0, p = 0;
  Mark star, deep;
  while (--steps >= 0) {
    if (g == glob.size()) {
      if (p == path.size()) return true;
    } else if (glob.substr(g, 2) == "**") {
      bool begins_segment = g == 0 || glob[g - 1] == '/';
      bool whole = begins_segment && g + 2 < glob.size() && glob[g + 2] == '/';
      g += whole ? 3 : 2;
      deep = {g, p, true, whole};
      star.met = false;
      continue;
    } else if (glob[g] == '*') {
      star = {++g, p, true};
      continue;
    } else if (p < path.size() && take_one(glob, g, path[p])) {
      ++p;
      continue;
    }
    if (star.met && star.path < path.size() && path[star.path] != '/') {
      ++star.path;
      g = star.glob;
      p = star.path;
    } else if (deep.met && widen(deep, path)) {
      star.met = false;
      g = deep.glob;
      p = deep.path;
    } else {
      return false;
    }
  }
  return false;
}

// "a{b,c}d" -> "abd", "acd".
std::vector<std::string> expand_braces(std::string_view glob) {
  std::vector<std::string> done{""};
  for (;;) {
    size_t open = glob.find('{');
    size_t close = open == std::string_view::npos ? open : glob.find('}', open);
    bool last = close == std::string_view::npos;
    for (auto& prefix : done) prefix.append(glob.substr(0, last ? glob.size() : open));
    if (last) return done;
    std::string_view options = glob.substr(open + 1, close - open - 1);
    std::vector<std::string> next;
    for (size_t start = 0; start <= options.size();) {
      size_t comma = std::min(options.find(',', start), options.size());
      for (const auto& prefix : done)
        if (next.size() < kMostCombinations)
          next.push_back(prefix + std::string{options.substr(start, comma - start)});
      start = comma + 1;
    }
    done = std::move(next);
    glob.remove_prefix(close + 1);
  }
}

}  // namespace

bool glob_match(std::string_view glob, std::string_view path) {
  if (glob.size() > kLongestGlob) return false;
  int steps = kMostSteps;
  if (glob.find('{') == std::string_view::npos) return match(glob, path, steps);
  auto alternatives = expand_braces(glob);
  return std::any_of(alternatives.begin(), alternatives.end(),
                     [&](const auto& alternative) { return match(alternative, path, steps); });
}

}  // namespace trivet::wire
