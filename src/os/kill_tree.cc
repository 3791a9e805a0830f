// Finds what a process has started by reading /proc. A worker leads its own session, so most of it
// shares that session; what called setsid() itself is found as a descendant, and an orphan of that
// kind by the cookie in its environment.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <unordered_set>

#include "os/spawn.h"

namespace trivet::os {
namespace {

constexpr int kPasses =
    8;  // a process may fork while we look: look again until nothing new is found

struct Process {
  pid_t pid = 0, parent = 0, group = 0, session = 0;
  char state = 0;
};

std::string read_small(const std::string& path, size_t limit) {
  Fd fd{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::string text;
  if (!fd) return text;
  text.resize(limit);
  size_t used = 0;
  while (used < limit) {
    ssize_t n = read(fd.get(), text.data() + used, limit - used);
    if (n <= 0) break;
    used += static_cast<size_t>(n);
  }
  text.resize(used);
  return text;
}

bool parse_stat(pid_t pid, Process& out) {
  std::string stat = read_small("/proc/" + std::to_string(pid) + "/stat", 1024);
  size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return false;
  out.pid = pid;
  return std::sscanf(stat.c_str() + end_of_name + 1, " %c %d %d %d", &out.state, &out.parent,
                     &out.group, &out.session) == 4;
}

std::vector<Process> all_processes() {
  std::vector<Process> all;
  std::unique_ptr<DIR, int (*)(DIR*)> proc{opendir("/proc"), closedir};
  if (!proc) return all;
  while (dirent* entry = readdir(proc.get())) {
    if (!std::isdigit(static_cast<unsigned char>(entry->d_name[0]))) continue;
    Process p;
    if (parse_stat(std::atoi(entry->d_name), p)) all.push_back(p);
  }
  return all;
}

enum class Match { kWhole, kPrefix };

bool carries(pid_t pid, const std::string& cookie, Match match = Match::kWhole) {
  std::string environ = read_small("/proc/" + std::to_string(pid) + "/environ", 256 * 1024);
  size_t at = environ.find(cookie);
  while (at != std::string::npos) {
    bool starts = at == 0 || environ[at - 1] == '\0';
    size_t end = at + cookie.size();
    if (starts && (match == Match::kPrefix || end == environ.size() || environ[end] == '\0'))
      return true;
    at = environ.find(cookie, at + 1);
  }
  return false;
}

}  // namespace

void kill_group(pid_t pid) {
  if (pid > 1) kill(-pid, SIGKILL);
}

void kill_tree(pid_t root, const std::string& cookie) {
  if (root <= 1) return;
  std::unordered_set<pid_t> doomed{root};
  kill(root, SIGKILL);
  for (int pass = 0; pass < kPasses; ++pass) {
    size_t before = doomed.size();
    for (const Process& p : all_processes()) {
      if (p.pid <= 1 || p.pid == getpid() || p.state == 'Z' || doomed.count(p.pid)) continue;
      bool ours = p.session == root || p.group == root || doomed.count(p.parent) ||
                  (!cookie.empty() && carries(p.pid, cookie));
      if (!ours) continue;
      doomed.insert(p.pid);
      kill(p.pid, SIGKILL);
    }
    if (doomed.size() == before) break;
  }
}

void kill_marked(const std::string& prefix) {
  std::unordered_set<pid_t> doomed;
  for (int pass = 0; pass < kPasses; ++pass) {
    size_t before = doomed.size();
    for (const Process& p : all_processes()) {
      if (p.pid <= 1 || p.pid == getpid() || p.state == 'Z' || doomed.count(p.pid)) continue;
      if (!carries(p.pid, prefix, Match::kPrefix)) continue;
      doomed.insert(p.pid);
      kill(p.pid, SIGKILL);
    }
    if (doomed.size() == before) return;
  }
}

int64_t memory_share(pid_t pid) {
  if (pid <= 0) return 0;
  std::string text = read_small("/proc/" + std::to_string(pid) + "/smaps_rollup", 4096);
  size_t at = text.find("\nPss:");
  return at == std::string::npos ? 0 : std::atoll(text.c_str() + at + 5) * 1024;
}

std::vector<pid_t> children() {
  std::string text =
      read_small("/proc/self/task/" + std::to_string(gettid()) + "/children", 1 << 20);
  std::vector<pid_t> out;
  for (const char* at = text.c_str(); *at;) {
    char* end = nullptr;
    long pid = std::strtol(at, &end, 10);
    if (end == at) break;
    out.push_back(static_cast<pid_t>(pid));
    at = end;
    while (*at == ' ') ++at;
  }
  return out;
}

}  // namespace trivet::os
