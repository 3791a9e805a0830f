#include "launcher/groups.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "launcher/shells.h"
#include "sandbox/join.h"

namespace trivet::launcher {
namespace {

constexpr size_t kAhead = 4;
constexpr int64_t kSettleMs = 10;  // after one was taken: whoever took it comes first
constexpr int64_t kAgainMs = 50;   // between two looks at what has not ended yet

}  // namespace

Groups::Groups() {
  auto opened = sandbox::Cgroups::open(kernel_, getpid(), {getpid(), getppid()});
  if (opened)
    cgroups_.emplace(std::move(*opened));
  else
    broken_ = opened.error().message;
  for (auto& layer : layers())
    if (!layer.is_active) lacking_.push_back(std::move(layer));
  counts_pids_ = std::none_of(lacking_.begin(), lacking_.end(),
                              [](const auto& layer) { return layer.name == "pids-limit"; });
}

Groups::~Groups() {
  if (!cgroups_) return;
  for (auto* groups : {&ready_, &ending_})
    for (const auto& group : *groups) cgroups_->remove({group});
  cgroups_->close();
}

std::string Groups::take() {
  if (!cgroups_) return {};
  tend_at_ms_ = now_ms() + kSettleMs;
  if (ready_.empty()) {
    auto made = cgroups_->make(std::to_string(next_++));
    return made ? made->id : std::string{};
  }
  std::string group = std::move(ready_.front());
  ready_.pop_front();
  return group;
}

Status Groups::limit(const std::string& group, const sandbox::Limits& limits) {
  for (const auto& layer : lacking_) {
    if (sandbox::is_asked(limits, layer.name))
      return Error{ErrorCode::kIo, "its " + layer.name + " cannot be enforced here: " + layer.why +
                                       "; " + layer.fix +
                                       ", or take the limit out of its manifest"};
  }
  sandbox::Limits set = limits;
  auto leaves_out = [this](sandbox::Omission layer) { return (without >> layer & 1) != 0; };
  if (leaves_out(sandbox::kNoMemoryLimit)) set.memory_bytes = 0;
  if (leaves_out(sandbox::kNoCpuLimit)) set.cpu_percent = 0;
  if (leaves_out(sandbox::kNoPidsLimit)) set.pids = 0;
  return group.empty() ? Status{} : cgroups_->limit({group}, set);
}

Status Groups::add(const std::string& group, pid_t process) {
  return group.empty() ? Status{} : cgroups_->add({group}, process);
}

std::vector<os::Fd> Groups::entrances(const std::string& group) const {
  std::vector<os::Fd> doors;
  if (group.empty()) return doors;
  for (const auto& path : cgroups_->entrances({group}))
    doors.emplace_back(open(path.c_str(), O_WRONLY | O_CLOEXEC));  // none: to enter it fails
  return doors;
}

void Groups::kill(const std::string& group) {
  if (Status killed = cgroups_->kill({group}); !killed) broken_ = killed.error().message;
}

void Groups::end(const std::string& group) {
  if (group.empty()) return;
  kill(group);
  ending_.push_back(group);
  tend_at_ms_ = now_ms() + kSettleMs;
}

bool Groups::ran_out_of_memory(const std::string& group) const {
  return !group.empty() && cgroups_->oom_kills({group}) > 0;
}

std::vector<sandbox::Layer> Groups::layers() const {
  if (cgroups_) return cgroups_->layers();
  std::vector<sandbox::Layer> layers;
  for (const char* name : {"memory-limit", "cpu-limit", "pids-limit"}) {
    sandbox::Layer layer;
    layer.name = name;
    layer.from = sandbox::Level::kProcess;
    layer.is_needed = false;
    layer.why = broken_;
    layer.fix = "mount /proc, and let trivet read it";
    layers.push_back(std::move(layer));
  }
  return layers;
}

int Groups::tend(int64_t now) {
  if (!cgroups_ || tend_at_ms_ == 0) return -1;
  if (now < tend_at_ms_) return static_cast<int>(tend_at_ms_ - now);
  tend_at_ms_ = 0;
  for (size_t left = ending_.size(); left > 0; --left) {
    std::string group = std::move(ending_.front());
    ending_.pop_front();
    if (cgroups_->remove({group})) continue;
    kill(group);  // what was being forked then
    ending_.push_back(std::move(group));
  }
  if (!ending_.empty()) tend_at_ms_ = now + kAgainMs;
  while (ready_.size() < kAhead) {
    auto made = cgroups_->make(std::to_string(next_++));
    if (!made) break;
    ready_.push_back(made->id);
  }
  return tend_at_ms_ == 0 ? -1 : static_cast<int>(tend_at_ms_ - now);
}

}  // namespace trivet::launcher
