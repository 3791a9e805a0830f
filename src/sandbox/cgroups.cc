#include "sandbox/cgroups.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <sstream>

#include "sandbox/cgroup_mounts.h"

namespace trivet::sandbox {
namespace {

constexpr const char* kNames[] = {"memory", "cpu", "pids"};
constexpr const char* kLayers[] = {"memory-limit", "cpu-limit", "pids-limit"};
constexpr const char* kPrefix = "trivet.";
constexpr const char* kSelf = "/self";
constexpr int kPeriodUs = 100'000;  // of the processor's share; the kernel's default
constexpr int kKillRounds = 100;    // of a nap each: a tenth of a second

constexpr const char* kFixDelegate =
    "start the server in a group of its own: `systemd-run --user --scope -p Delegate=yes trivet "
    "serve ...`, or as a service with "
    "Delegate=yes";
constexpr const char* kFixController =
    "let the unit above hand it down (Delegate=yes), or switch it on when the machine starts "
    "(cgroup_enable=memory)";
constexpr const char* kFixReadOnly =
    "start the container with control groups that it may write, or limit the container itself";

bool has_word(const std::string& text, const std::string& word) {
  std::istringstream in(text);
  for (std::string one; in >> one;)
    if (one == word) return true;
  return false;
}

// The value of "key value" on a line of its own, or 0.
int64_t value_of(const std::string& text, const std::string& key) {
  std::istringstream in(text);
  std::string word;
  for (int64_t value = 0; in >> word >> value;)
    if (word == key) return value;
  return 0;
}

std::vector<pid_t> processes_of(Tree& tree, const std::string& folder) {
  std::vector<pid_t> processes;
  std::istringstream in(tree.read(folder + "/cgroup.procs").value_or(""));
  for (pid_t one; in >> one;) processes.push_back(one);
  return processes;
}

// The pid in "trivet.<pid>", or 0.
pid_t launcher_of(std::string_view name) {
  pid_t pid = 0;
  if (!name.starts_with(kPrefix)) return 0;
  name.remove_prefix(std::strlen(kPrefix));
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc{} && end == name.data() + name.size() && pid > 0 ? pid : 0;
}

// A launcher before us has moved this server to ".../trivet.<pid>/self": our groups belong beside
// its folder.
std::string without_self(std::string own) {
  if (!own.ends_with(kSelf)) return own;
  size_t end = own.size() - std::strlen(kSelf), start = own.rfind('/', end - 1);
  if (start == own.npos ||
      launcher_of(std::string_view(own).substr(start + 1, end - start - 1)) == 0)
    return own;
  own.resize(start);
  return own;
}

std::string text_of(int failed) { return std::strerror(failed); }

}  // namespace

Result<Cgroups> Cgroups::open(Tree& tree, pid_t launcher, const std::vector<pid_t>& own) {
  auto cgroup = tree.read("/proc/self/cgroup");
  auto mountinfo = tree.read("/proc/self/mountinfo");
  if (!cgroup || !mountinfo) return io_error("cannot read /proc/self/cgroup and mountinfo", errno);
  Cgroups made(tree);
  for (int i = 0; i < kControllers; ++i) {
    made.places_[i].why =
        std::string("no control groups with the controller ") + kNames[i] + " are mounted";
    made.places_[i].fix = kFixController;
  }
  std::string name = kPrefix + std::to_string(launcher);
  std::vector<Hierarchy> found = find_hierarchies(*cgroup, *mountinfo);
  // Version 2 first: a process is in its group before anything else is limited.
  std::stable_partition(found.begin(), found.end(), [](const Hierarchy& one) { return one.is_v2; });
  for (const Hierarchy& one : found) {
    std::string folder = one.is_v2 ? without_self(one.own) : one.own;
    if (one.is_v2)
      made.use_v2(folder, name, own, one.is_read_only);
    else
      made.use_v1(folder, one.controllers, name, one.is_read_only);
  }
  made.weigh();
  return made;
}

// Functions that burn processor time delay the host, and whoever calls it from this machine, less:
// all of them together weigh two fifths of another group. What nobody else uses they get all the
// same. Nothing is lost where it cannot be set, or the host is in there too.
void Cgroups::weigh() {
  const Place& cpu = places_[kCpu];
  if (cpu.folder.empty() || !tree_->folders(cpu.folder).empty()) return;
  if (cpu.is_v2)
    tree_->write(cpu.folder + "/cpu.weight", "40");
  else
    tree_->write(cpu.folder + "/cpu.shares", "410");
}

void Cgroups::use_v1(const std::string& own, const std::vector<std::string>& controllers,
                     const std::string& name, bool is_read_only) {
  std::vector<int> useful;
  for (int i = 0; i < kControllers; ++i)
    if (places_[i].folder.empty() && std::ranges::find(controllers, kNames[i]) != controllers.end())
      useful.push_back(i);
  if (useful.empty()) return;
  if (!is_read_only) sweep(own, name);
  std::string folder = own + "/" + name;
  int failed = is_read_only ? EROFS : tree_->make(folder);
  if (failed == EEXIST)
    failed = 0;  // made for another controller of this hierarchy, or a launcher of this pid left it
  for (int i : useful) {
    if (failed == 0) {
      places_[i] = {folder, false, "", ""};
      continue;
    }
    places_[i].why = failed == EROFS ? own + " is mounted read-only"
                                     : "no group can be made below " + own + ": " + text_of(failed);
    places_[i].fix = failed == EROFS ? kFixReadOnly : kFixDelegate;
  }
  if (failed == 0) folders_.push_back(folder);
}

void Cgroups::use_v2(const std::string& own, const std::string& name,
                     const std::vector<pid_t>& processes, bool is_read_only) {
  if (!is_read_only) sweep(own, name);
  std::string folder = own + "/" + name;
  int failed = is_read_only ? EROFS : tree_->make(folder);
  if (failed == EEXIST) failed = 0;
  std::string offered = tree_->read(own + "/cgroup.controllers").value_or("");
  for (int i = 0; i < kControllers; ++i) {
    Place& place = places_[i];
    if (!has_word(offered, kNames[i])) {
      place.why = std::string("the controller ") + kNames[i] + " is not handed down to " + own;
    } else if (failed == EROFS) {
      place.why = own + " is mounted read-only";
      place.fix = kFixReadOnly;
    } else if (failed != 0) {
      place.why = "no group can be made below " + own + ": " + text_of(failed);
      place.fix = kFixDelegate;
    }
  }
  if (failed != 0) return;
  v2_ = folder;
  folders_.push_back(folder);
  for (int i = 0; i < kControllers; ++i)
    if (has_word(offered, kNames[i])) hand_down(own, static_cast<Controller>(i), processes);
}

void Cgroups::hand_down(const std::string& own, Controller controller,
                        const std::vector<pid_t>& processes) {
  std::string control = own + "/cgroup.subtree_control",
              plus = std::string("+") + kNames[controller];
  int failed = 0;
  if (!has_word(tree_->read(control).value_or(""), kNames[controller])) {
    failed = tree_->write(control, plus);
    if (failed == EBUSY) {
      // A group with processes does not hand down. In the root of a container's namespace all of
      // them are the container's.
      bool is_whole_container =
          tree_->read("/proc/self/cgroup").value_or("").find("0::/\n") != std::string::npos;
      tree_->make(v2_ + kSelf);
      for (pid_t one : is_whole_container ? processes_of(*tree_, own) : processes)
        tree_->write(v2_ + kSelf + "/cgroup.procs", std::to_string(one));
      failed = tree_->write(control, plus);
    }
  }
  if (failed == 0) failed = tree_->write(v2_ + "/cgroup.subtree_control", plus);
  if (failed == 0) {
    places_[controller] = {v2_, true, "", ""};
    return;
  }
  places_[controller].fix = kFixDelegate;
  places_[controller].why =
      failed == EBUSY
          ? "other processes are in the group " + own + ", so it cannot hand its controllers down"
          : own + " cannot hand down " + kNames[controller] + ": " + text_of(failed);
}

std::vector<Layer> Cgroups::layers() const {
  std::vector<Layer> all;
  for (int i = 0; i < kControllers; ++i)
    all.push_back({kLayers[i], Level::kProcess, !places_[i].folder.empty(), false, places_[i].why,
                   places_[i].fix});
  return all;
}

// What launchers left that are no more, or had our pid: their groups with the processes in them,
// but for those of a server that goes on.
void Cgroups::sweep(const std::string& own, const std::string& ours) {
  for (const std::string& name : tree_->folders(own)) {
    pid_t launcher = launcher_of(name);
    if (launcher == 0 || (name != ours && tree_->exists("/proc/" + std::to_string(launcher))))
      continue;
    std::string folder = own + "/" + name;
    for (const std::string& group : tree_->folders(folder)) {
      if ("/" + group == kSelf || !end_all(folder + "/" + group, folder + "/" + group)) continue;
      for (int round = 0; round < kKillRounds && !clear(folder + "/" + group); ++round)
        tree_->nap();
    }
    clear(folder);
  }
}

// Removes a group with what is below it, such as groups that its own processes made. Whether
// nothing is left.
bool Cgroups::clear(const std::string& folder) {
  for (const std::string& name : tree_->folders(folder)) clear(folder + "/" + name);
  int failed = tree_->remove(folder);
  return failed == 0 || failed == ENOENT;
}

bool Cgroups::end_all(const std::string& folder, const std::string& pids) {
  if (tree_->write(folder + "/cgroup.kill", "1") == 0) return true;
  tree_->write(pids + "/pids.max", "0");  // nothing is started while we look
  for (int round = 0; round < kKillRounds; ++round) {
    std::vector<pid_t> left = processes_of(*tree_, folder);
    if (left.empty()) return true;
    for (pid_t one : left) tree_->kill(one);
    tree_->nap();
  }
  return false;
}

Result<Group> Cgroups::make(std::string id) {
  if (id.empty() || id[0] == '.' || "/" + id == kSelf || id.find('/') != id.npos)
    return Error(ErrorCode::kInternal, "not a name of a control group: " + id);
  for (size_t i = 0; i < folders_.size(); ++i) {
    int failed = tree_->make(folders_[i] + "/" + id);
    if (failed == 0) continue;
    while (i > 0) tree_->remove(folders_[--i] + "/" + id);
    return io_error("cannot make the control group " + id, failed);
  }
  return Group{std::move(id)};
}

std::string Cgroups::file(Controller controller, const Group& group, const char* v1,
                          const char* v2) const {
  const Place& place = places_[controller];
  return place.folder + "/" + group.id + "/" + (place.is_v2 ? v2 : v1);
}

Status Cgroups::set(Controller controller, const Group& group, const char* v1, const char* v2,
                    const std::string& value) {
  if (places_[controller].folder.empty()) return {};
  std::string path = file(controller, group, v1, v2);
  if (int failed = tree_->write(path, value))
    return io_error("cannot write " + value + " to " + path, failed);
  return {};
}

Status Cgroups::limit_memory(const Group& group, int64_t bytes) {
  const Place& place = places_[kMemory];
  if (place.folder.empty()) return {};
  if (place.is_v2) {
    std::string value = bytes > 0 ? std::to_string(bytes) : "max";
    if (Status done = set(kMemory, group, "", "memory.max", value); !done) return done;
    // What is over the limit is ended as a whole, and nothing goes to swap; kernels without swap
    // have no such file.
    tree_->write(file(kMemory, group, "", "memory.oom.group"), "1");
    tree_->write(file(kMemory, group, "", "memory.swap.max"), bytes > 0 ? "0" : "max");
    return {};
  }
  // Memory with swap is never less than memory alone, so it goes first upwards and last downwards.
  std::string value = std::to_string(bytes > 0 ? bytes : -1);
  tree_->write(file(kMemory, group, "memory.memsw.limit_in_bytes", ""), value);
  if (Status done = set(kMemory, group, "memory.limit_in_bytes", "", value); !done) return done;
  int failed = tree_->write(file(kMemory, group, "memory.memsw.limit_in_bytes", ""), value);
  if (failed != 0 && failed != ENOENT)
    return io_error("cannot limit the swap of control group " + group.id, failed);
  return {};
}

Status Cgroups::limit(const Group& group, const Limits& limits) {
  if (Status done = limit_memory(group, limits.memory_bytes); !done) return done;
  int64_t quota = int64_t{limits.cpu_percent} * kPeriodUs / 100;
  bool is_v2 = places_[kCpu].is_v2;
  std::string cpu = limits.cpu_percent > 0 ? std::to_string(quota) : is_v2 ? "max" : "-1";
  if (is_v2) cpu += " " + std::to_string(kPeriodUs);
  if (Status done = set(kCpu, group, "cpu.cfs_quota_us", "cpu.max", cpu); !done) return done;
  return set(kPids, group, "pids.max", "pids.max",
             limits.pids > 0 ? std::to_string(limits.pids) : "max");
}

Status Cgroups::add(const Group& group, pid_t process) {
  for (const std::string& folder : folders_)
    if (int failed =
            tree_->write(folder + "/" + group.id + "/cgroup.procs", std::to_string(process)))
      return io_error(
          "cannot move process " + std::to_string(process) + " to the control group " + group.id,
          failed);
  return {};
}

std::vector<std::string> Cgroups::entrances(const Group& group) const {
  std::vector<std::string> files;
  for (const std::string& folder : folders_)
    files.push_back(folder + "/" + group.id + "/cgroup.procs");
  return files;
}

Status Cgroups::kill(const Group& group) {
  if (folders_.empty()) return {};
  const std::string& pids =
      places_[kPids].folder.empty() ? folders_.front() : places_[kPids].folder;
  if (end_all(folders_.front() + "/" + group.id, pids + "/" + group.id)) return {};
  return Error(ErrorCode::kIo, "the control group " + group.id + " still has processes");
}

bool Cgroups::remove(const Group& group) {
  bool is_gone = true;
  for (const std::string& folder : folders_) is_gone = clear(folder + "/" + group.id) && is_gone;
  return is_gone;
}

bool Cgroups::close() {
  bool is_gone = true;
  for (const std::string& folder : folders_) is_gone = clear(folder) && is_gone;
  return is_gone;
}

int64_t Cgroups::count(Controller controller, const Group& group, const char* v1, const char* v2,
                       const char* key) const {
  if (places_[controller].folder.empty()) return 0;
  return value_of(tree_->read(file(controller, group, v1, v2)).value_or(""), key);
}

int64_t Cgroups::oom_kills(const Group& group) const {
  return count(kMemory, group, "memory.oom_control", "memory.events", "oom_kill");
}

int64_t Cgroups::pids_refused(const Group& group) const {
  return count(kPids, group, "pids.events", "pids.events", "max");
}

Usage Cgroups::usage(const Group& group) const {
  Usage found;
  auto number = [&](const std::string& path) {
    return value_of("n " + tree_->read(path).value_or(""), "n");
  };
  if (!places_[kMemory].folder.empty())
    found.memory_bytes = number(file(kMemory, group, "memory.usage_in_bytes", "memory.current"));
  // Version 2 counts the processor's time in every group, also without the controller.
  if (!v2_.empty())
    found.cpu_us =
        value_of(tree_->read(v2_ + "/" + group.id + "/cpu.stat").value_or(""), "usage_usec");
  if (found.cpu_us == 0 && !places_[kCpu].folder.empty() && !places_[kCpu].is_v2)
    found.cpu_us = number(places_[kCpu].folder + "/" + group.id + "/cpuacct.usage") / 1000;
  return found;
}

}  // namespace trivet::sandbox
