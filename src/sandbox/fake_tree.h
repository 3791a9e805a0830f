#pragma once
// Control groups as the kernel would have them, in memory: which files a group has, who may write
// them, that a group of version 2 with processes hands no controllers down (cgroups(7), the
// kernel's cgroup-v2.rst). For tests.

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "sandbox/cgroup_tree.h"

namespace trivet::sandbox {

class FakeTree final : public Tree {
 public:
  struct Node {
    bool is_v2 = false, is_root = false;
    std::set<std::string> offered, handed;  // controllers of version 2
    std::set<pid_t> processes;
    std::map<std::string, std::string> files;
  };

  std::map<std::string, Node> groups;
  std::map<std::string, std::string> texts;  // other files
  std::map<std::string, int> refused;        // path -> errno of make() and write()
  std::set<pid_t> undying;
  bool has_kill_file = true;
  int births = 0;  // how many killed processes leave a child behind, where forks are not refused
  int naps = 0;

  Node& add(const std::string& folder, bool is_v2, std::set<std::string> offered = {}) {
    Node& made = groups[folder];
    made.is_v2 = is_v2;
    made.offered = std::move(offered);
    return made;
  }

  int make(const std::string& folder) override {
    if (int failed = failure(folder)) return failed;
    if (groups.contains(folder)) return EEXIST;
    auto above = groups.find(folder.substr(0, folder.rfind('/')));
    if (above == groups.end()) return ENOENT;
    add(folder, above->second.is_v2, above->second.handed);
    return 0;
  }

  int remove(const std::string& folder) override {
    auto found = groups.find(folder);
    if (found == groups.end()) return ENOENT;
    if (!found->second.processes.empty() || !folders(folder).empty()) return EBUSY;
    groups.erase(found);
    return 0;
  }

  int write(const std::string& file, const std::string& text) override {
    if (int failed = failure(file)) return failed;
    size_t slash = file.rfind('/');
    auto found = groups.find(file.substr(0, slash));
    if (found == groups.end()) return ENOENT;
    std::string name = file.substr(slash + 1);
    Node& node = found->second;
    if (name == "cgroup.procs") return move(node, std::stoi(text));
    if (name == "cgroup.subtree_control") return hand_down(found->first, node, text.substr(1));
    if (name == "cgroup.kill") return end_all(node);
    if (node.is_v2 && !node.offered.contains(name.substr(0, name.find('.')))) return ENOENT;
    node.files[name] = text;
    return 0;
  }

  int kill(pid_t process) override {
    if (undying.contains(process)) return 0;
    for (auto& [folder, node] : groups) {
      if (node.processes.erase(process) == 0 || births == 0 || pids_are_stopped()) continue;
      --births;
      node.processes.insert(process + 1000);
    }
    return 0;
  }

  std::optional<std::string> read(const std::string& file) override {
    if (auto known = texts.find(file); known != texts.end()) return known->second;
    size_t slash = file.rfind('/');
    auto found = groups.find(file.substr(0, slash));
    if (found == groups.end()) return std::nullopt;
    std::string name = file.substr(slash + 1);
    const Node& node = found->second;
    if (name == "cgroup.procs") return joined(node.processes);
    if (name == "cgroup.controllers") return joined(node.offered);
    if (name == "cgroup.subtree_control") return joined(node.handed);
    auto content = node.files.find(name);
    return content == node.files.end() ? std::nullopt : std::optional(content->second);
  }

  std::vector<std::string> folders(const std::string& folder) override {
    std::vector<std::string> names;
    for (const auto& [path, node] : groups)
      if (path.starts_with(folder + "/") && path.find('/', folder.size() + 1) == path.npos)
        names.push_back(path.substr(folder.size() + 1));
    return names;
  }

  bool exists(const std::string& path) override { return texts.contains(path); }
  void nap() override { ++naps; }

 private:
  int failure(const std::string& path) const {
    auto found = refused.find(path);
    return found == refused.end() ? 0 : found->second;
  }
  int move(Node& node, pid_t process) {
    if (node.is_v2 && !node.is_root && !node.handed.empty()) return EBUSY;
    for (auto& [folder, other] : groups)
      if (node.is_v2 && other.is_v2)
        other.processes.erase(process);  // of version 1 nobody moves twice here
    node.processes.insert(process);
    return 0;
  }
  int hand_down(const std::string& folder, Node& node, const std::string& controller) {
    if (!node.is_v2 || !node.offered.contains(controller)) return ENOENT;
    if (!node.is_root && !node.processes.empty()) return EBUSY;
    node.handed.insert(controller);
    for (const std::string& below : folders(folder))
      groups[folder + "/" + below].offered.insert(controller);
    return 0;
  }
  int end_all(Node& node) const {
    if (!node.is_v2 || !has_kill_file) return ENOENT;
    node.processes.clear();
    return 0;
  }
  bool pids_are_stopped() const {
    return std::ranges::any_of(groups, [](const auto& one) {
      auto max = one.second.files.find("pids.max");
      return max != one.second.files.end() && max->second == "0";
    });
  }
  template <class T>
  static std::string joined(const std::set<T>& all) {
    std::ostringstream out;
    for (const T& one : all) out << one << "\n";
    return out.str();
  }
};

}  // namespace trivet::sandbox
