#pragma once
// Store: artifacts on disk, each whole or not there.
//
//   DIR/artifacts/KEY/files      what was built; a step's output
//   DIR/artifacts/KEY/contents   what it consists of (contents.h); its time is that of the last use
//   DIR/artifacts/KEY.USER.N.making   not yet, or no longer
//   DIR/users/USER               locked by a host while it lives; the keys that it uses, a line
//   each
//
// An artifact appears by rename. What a host left half-made is removed by the next one: its lock
// tells that it is gone. All methods read and write files: they belong on blocking threads, any of
// them.

#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "os/fd.h"
#include "store/contents.h"

namespace trivet::store {

class Store {
 public:
  explicit Store(std::filesystem::path dir) : dir_(std::move(dir)) {}
  ~Store() { leave(); }

  std::filesystem::path files_of(const std::string& key) const;
  // Whether it can be used. The first time it is looked at: one that is not as it was made is
  // removed, and `damage` says what was wrong. From then on nobody prunes it.
  bool use(const std::string& key, std::string& damage);
  // A folder to make it in, with links to what `before` (a key, or empty) has: output goes into
  // `files` there. kIo.
  Result<std::filesystem::path> begin(const std::string& key, const std::string& before);
  // From now on it is there. If another host was faster, that one's is. kInvalidInput when
  // `expected` is given and not the hash() of what it consists of; kIo.
  Status keep(const std::filesystem::path& making, const std::string& key,
              const std::string& expected = {});
  // Also of what a process still writes to. Says nothing when it fails: the next host tries again.
  void remove(const std::filesystem::path& dir);
  // What was used may be pruned from now on.
  void leave();

 private:
  Status enter();
  std::string check(const std::string& key);
  void note_use(const std::string& key);
  std::filesystem::path place(const std::string& key) const { return dir_ / "artifacts" / key; }

  std::filesystem::path dir_;
  std::mutex mutex_;
  std::set<std::string> used_;  // guarded by mutex_, like all below
  std::string user_;
  os::Fd lock_;
  int made_ = 0;
};

// The description of an artifact. kIo, kInvalidInput when there is no whole one.
Result<Contents> contents_of(const std::filesystem::path& artifact);
// The keys that living hosts use. Files of dead ones are removed, with what they left half-made.
std::set<std::string> keys_in_use(const std::filesystem::path& dir);
bool is_key(std::string_view name);

}  // namespace trivet::store
