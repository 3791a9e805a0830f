#include "sandbox/cgroup_mounts.h"

#include <algorithm>
#include <optional>

namespace trivet::sandbox {
namespace {

using Words = std::vector<std::string_view>;

Words split(std::string_view text, char separator) {
  Words words;
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

bool has(const Words& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Blanks and the like are written as \040 there.
std::string unescaped(std::string_view text) {
  std::string out;
  auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  for (size_t i = 0; i < text.size(); ++i) {
    bool is_code = text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' &&
                   std::all_of(&text[i + 1], &text[i + 4], is_octal);
    if (!is_code) {
      out += text[i];
      continue;
    }
    out +=
        static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
    i += 3;
  }
  return out;
}

struct Membership {
  bool is_v2 = false;
  Words controllers;
  std::string_view path;
};

// "4:cpu,cpuacct:/user.slice", "0::/user.slice"
std::optional<Membership> read_membership(std::string_view line) {
  size_t first = line.find(':');
  size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
  if (second == line.npos || second + 1 >= line.size() || line[second + 1] != '/')
    return std::nullopt;
  std::string_view controllers = line.substr(first + 1, second - first - 1);
  bool is_v2 = line.substr(0, first) == "0" && controllers.empty();
  return Membership{is_v2, split(controllers, ','), line.substr(second + 1)};
}

struct Mount {
  bool is_v2 = false;
  bool is_read_only = false;
  std::string root, point;
  Words options;  // of the hierarchy: its controllers among them
};

// "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:5 - cgroup cgroup rw,memory"
std::optional<Mount> read_mount(std::string_view line) {
  size_t middle = line.find(" - ");
  if (middle == line.npos) return std::nullopt;
  Words left = split(line.substr(0, middle), ' '), right = split(line.substr(middle + 3), ' ');
  if (left.size() < 6 || right.size() < 3) return std::nullopt;
  if (right[0] != "cgroup" && right[0] != "cgroup2") return std::nullopt;
  Words options = split(right[2], ',');
  bool is_read_only = has(split(left[5], ','), "ro") || has(options, "ro");
  return Mount{right[0] == "cgroup2", is_read_only, unescaped(left[3]), unescaped(left[4]),
               std::move(options)};
}

// Where the group `path` is seen below the mount; nothing when the mount shows another part of the
// hierarchy.
std::optional<std::string> place_of(std::string_view path, const Mount& mount) {
  if (mount.point.empty() || mount.point[0] != '/') return std::nullopt;
  std::string_view below = path;
  if (mount.root != "/") {
    if (!path.starts_with(mount.root)) return std::nullopt;
    below.remove_prefix(mount.root.size());
    if (!below.empty() && below[0] != '/') return std::nullopt;
  }
  if (has(split(below, '/'), "..")) return std::nullopt;  // above the root of our namespace
  return mount.point + (below == "/" ? "" : std::string(below));
}

bool is_of(const Mount& mount, const Membership& membership) {
  if (mount.is_v2 || membership.is_v2) return mount.is_v2 && membership.is_v2;
  return std::ranges::any_of(membership.controllers,
                             [&](std::string_view c) { return has(mount.options, c); });
}

}  // namespace

std::vector<Hierarchy> find_hierarchies(std::string_view cgroup, std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (std::string_view line : split(mountinfo, '\n'))
    if (auto mount = read_mount(line)) mounts.push_back(std::move(*mount));
  std::vector<Hierarchy> found;
  for (std::string_view line : split(cgroup, '\n')) {
    auto membership = read_membership(line);
    if (!membership) continue;
    std::erase_if(membership->controllers,
                  [](std::string_view c) { return c.starts_with("name="); });
    if (!membership->is_v2 && membership->controllers.empty()) continue;
    std::optional<Hierarchy> best;
    for (const Mount& mount : mounts) {
      auto own = is_of(mount, *membership) ? place_of(membership->path, mount) : std::nullopt;
      if (!own || (best && (!best->is_read_only || mount.is_read_only))) continue;
      best = Hierarchy{membership->is_v2, mount.is_read_only, {}, std::move(*own)};
    }
    if (!best) continue;
    best->controllers.assign(membership->controllers.begin(), membership->controllers.end());
    found.push_back(std::move(*best));
  }
  return found;
}

}  // namespace trivet::sandbox
