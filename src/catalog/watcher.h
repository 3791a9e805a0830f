#pragma once
// Watcher: tells that something below a folder changed, once things have been quiet for a moment.
//
// inotify on every folder of the tree. Events come in bursts, so due() is 100 ms after the last
// one, but at most a second after the first. The root may vanish and come back. The owner polls
// fd() for reading, calls drain(), and take() when due() has passed.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "os/fd.h"

namespace trivet::catalog {

class Watcher {
 public:
  static Result<std::unique_ptr<Watcher>> open(std::filesystem::path root, const Clock& clock);
  int fd() const { return inotify_.get(); }
  // Reads what has come. Does not block.
  void drain();
  // When take() is to be called; nothing while nothing has changed.
  std::optional<Instant> due() const;
  // Forgets the changes and watches folders that are new.
  void take();

 private:
  Watcher(std::filesystem::path root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}
  void watch_tree();
  void note();

  std::filesystem::path root_;
  const Clock& clock_;
  os::Fd inotify_;
  std::map<int, std::filesystem::path> watched_;
  std::optional<Instant> first_, last_;
};

}  // namespace trivet::catalog
