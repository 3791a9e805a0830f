#include "catalog/watcher.h"

#include <sys/inotify.h>

#include <cerrno>

#include "base/limits.h"
#include "wire/text.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB;
constexpr auto kLongest = 1s;
constexpr size_t kFoldersMost = 20'000;

}  // namespace

Result<std::unique_ptr<Watcher>> Watcher::open(fs::path root, const Clock& clock) {
  std::unique_ptr<Watcher> watcher{new Watcher(std::move(root), clock)};
  watcher->inotify_ = os::Fd{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  if (!watcher->inotify_) return io_error("cannot watch files", errno);
  watcher->watch_tree();
  return watcher;
}

void Watcher::watch_tree() {
  auto add = [this](const fs::path& dir) {
    int wd = inotify_add_watch(inotify_.get(), dir.c_str(), kEvents);
    if (wd >= 0) watched_[wd] = dir;
  };
  std::error_code ec;
  if (fs::exists(root_.parent_path(), ec)) {
    // The parent tells when the root itself comes and goes; its other entries are passed over in
    // drain().
    int wd =
        inotify_add_watch(inotify_.get(), root_.parent_path().c_str(),
                          IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE);
    if (wd >= 0) watched_[wd] = root_.parent_path();
  }
  if (!fs::is_directory(root_, ec)) return;
  add(root_);
  for (auto it = fs::recursive_directory_iterator(
           root_, fs::directory_options::skip_permission_denied, ec);
       !ec && it != fs::recursive_directory_iterator{} && watched_.size() < kFoldersMost;
       it.increment(ec)) {
    if (!it->is_directory(ec)) continue;
    if (wire::is_no_source(it->path().filename().string())) {
      it.disable_recursion_pending();
      continue;
    }
    add(it->path());
  }
}

void Watcher::note() {
  Instant now = clock_.now();
  if (!first_) first_ = now;
  last_ = now;
}

void Watcher::drain() {
  alignas(inotify_event) char buffer[16 * 1024];
  for (;;) {
    ssize_t n = read(inotify_.get(), buffer, sizeof buffer);
    if (n <= 0) return;
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      std::string name = event->len > 0 ? event->name : "";
      auto folder = watched_.find(event->wd);
      if (event->mask & IN_Q_OVERFLOW) note();
      if (folder == watched_.end()) continue;
      if (event->mask & IN_IGNORED) {
        watched_.erase(folder);
        continue;
      }
      bool of_parent = folder->second == root_.parent_path();
      if (of_parent && name != root_.filename().string()) continue;
      if (!of_parent && !name.empty() && wire::is_no_source(name)) continue;
      if (!of_parent && name.empty() && !(event->mask & (IN_DELETE_SELF | IN_MOVE_SELF))) continue;
      note();
    }
  }
}

std::optional<Instant> Watcher::due() const {
  if (!first_) return std::nullopt;
  return std::min(after(*last_, limits::kWatchDebounce), after(*first_, kLongest));
}

void Watcher::take() {
  first_.reset();
  last_.reset();
  watch_tree();
}

}  // namespace trivet::catalog
