#include "store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyDigits = 64;
constexpr std::string_view kMaking = ".making";
constexpr const char* kMakeRoom =
    "make room (`trivet cache prune`), or choose another place with --data";

Error disk_error(const std::string& what, const std::error_code& ec) {
  return {ErrorCode::kIo, what + ": " + ec.message(), kMakeRoom};
}

Status write_file(const fs::path& file, const std::string& bytes) {
  os::Fd out{open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  size_t done = 0;
  while (out && done < bytes.size()) {
    ssize_t n = write(out.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    done += static_cast<size_t>(n);
  }
  if (done == bytes.size()) return {};
  return disk_error("cannot write " + file.string(), {errno, std::generic_category()});
}

std::string read_file(const fs::path& file) {
  std::ostringstream out;
  out << std::ifstream(file, std::ios::binary).rdbuf();
  return out.str();
}

std::string random_name() {
  std::random_device random;
  return std::to_string(getpid()) + "-" + std::to_string(random());
}

// A new file there, locked by us until it is closed. Whoever cleans up between the two steps takes
// it away: then another.
Result<os::Fd> locked_file(const fs::path& dir, std::string& name) {
  for (;;) {
    name = random_name();
    fs::path file = dir / name;
    os::Fd fd{open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600)};
    if (!fd && errno == EEXIST) continue;
    if (!fd) return disk_error("cannot make " + file.string(), {errno, std::generic_category()});
    struct stat found {};
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && fstat(fd.get(), &found) == 0 &&
        found.st_nlink > 0)
      return fd;
  }
}

// What is left of a host that has ended.
void remove_makings_of(const fs::path& dir, const std::string& user) {
  std::error_code ec, none;
  for (const auto& entry : fs::directory_iterator(dir / "artifacts", ec)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(kMaking) && name.find("." + user + ".") != std::string::npos)
      fs::remove_all(entry.path(), none);
  }
}

// Links to each entry of the artifact before, or the links that it has itself: they lead to where
// the entry really is.
Status link_to(const fs::path& before, const std::string& key, const fs::path& files) {
  std::error_code ec;
  for (auto it = fs::directory_iterator(before, ec); !ec && it != fs::directory_iterator{};
       it.increment(ec)) {
    fs::path name = it->path().filename();
    if (it->is_symlink(ec))
      fs::copy_symlink(it->path(), files / name, ec);
    else
      fs::create_symlink(fs::path{"../.."} / key / "files" / name, files / name, ec);
    if (ec) break;
  }
  return ec ? Status{disk_error("cannot link to " + before.string(), ec)} : Status{};
}

// Keys of artifacts that links of this one lead into.
std::vector<std::string> needs_of(const Contents& contents) {
  constexpr std::string_view kUp = "../../";
  std::set<std::string> keys;
  for (const auto& entry : contents.entries)
    if (entry.kind == 'l' && entry.path.find('/') == std::string::npos &&
        entry.target.starts_with(kUp) && is_key(entry.target.substr(kUp.size(), kKeyDigits)))
      keys.insert(entry.target.substr(kUp.size(), kKeyDigits));
  return {keys.begin(), keys.end()};
}

}  // namespace

bool is_key(std::string_view name) {
  return name.size() == kKeyDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<Contents> contents_of(const fs::path& artifact) {
  return read_contents(read_file(artifact / "contents"));
}

std::set<std::string> keys_in_use(const fs::path& dir) {
  std::set<std::string> keys;
  std::error_code ec, none;
  remove_makings_of(dir, "pruned");  // of `trivet cache prune` that was killed
  for (const auto& entry : fs::directory_iterator(dir / "users", ec)) {
    os::Fd fd{open(entry.path().c_str(), O_RDWR | O_CLOEXEC)};
    if (!fd) continue;
    if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      remove_makings_of(dir, entry.path().filename().string());
      fs::remove(entry.path(), none);
      continue;
    }
    std::istringstream lines{read_file(entry.path())};
    for (std::string key; std::getline(lines, key);) keys.insert(key);
  }
  return keys;
}

void Store::leave() {
  std::error_code ec;
  std::lock_guard guard{mutex_};
  if (lock_) fs::remove(dir_ / "users" / user_, ec);
  lock_.reset();
}

fs::path Store::files_of(const std::string& key) const { return place(key) / "files"; }

// Once: our own lock, and what the dead have left.
Status Store::enter() {
  if (lock_) return {};
  std::error_code ec;
  for (const char* name : {"artifacts", "users"}) {
    fs::create_directories(dir_ / name, ec);
    if (ec) return disk_error("cannot make " + (dir_ / name).string(), ec);
  }
  keys_in_use(dir_);
  auto lock = locked_file(dir_ / "users", user_);
  if (!lock) return std::move(lock).error();
  lock_ = std::move(*lock);
  return {};
}

// How it differs from what was made.
std::string Store::check(const std::string& key) {
  if (used_.contains(key)) return {};
  auto contents = contents_of(place(key));
  if (!contents) return "its description is not whole";
  for (const auto& needed : contents->needs) {
    std::error_code ec;
    if (!fs::exists(files_of(needed), ec)) return "the artifact " + needed + " is gone";
    if (auto text = check(needed); !text.empty()) return text;
  }
  auto text = difference(*contents, files_of(key), false);
  if (text.empty()) note_use(key);
  return text;
}

void Store::note_use(const std::string& key) {
  if (!used_.insert(key).second || !lock_) return;
  std::string line = key + "\n";
  static_cast<void>(!write(lock_.get(), line.data(), line.size()));
  utimensat(AT_FDCWD, (place(key) / "contents").c_str(), nullptr, 0);
}

bool Store::use(const std::string& key, std::string& damage) {
  std::error_code ec;
  std::lock_guard guard{mutex_};
  if (!fs::exists(files_of(key), ec)) return false;
  if (!enter()) return false;
  damage = check(key);
  if (damage.empty()) return true;
  fs::path broken = dir_ / "artifacts" / (key + "." + user_ + ".broken" + std::string{kMaking});
  fs::remove_all(broken, ec);
  fs::rename(place(key), broken, ec);
  fs::remove_all(broken, ec);
  return false;
}

Result<fs::path> Store::begin(const std::string& key, const std::string& before) {
  std::error_code ec;
  std::lock_guard guard{mutex_};
  if (Status entered = enter(); !entered) return std::move(entered).error();
  fs::path making = dir_ / "artifacts" /
                    (key + "." + user_ + "." + std::to_string(++made_) + std::string{kMaking});
  fs::create_directories(making / "files", ec);
  if (ec) return disk_error("cannot make " + making.string(), ec);
  if (before.empty()) return making;
  if (Status linked = link_to(files_of(before), before, making / "files"); !linked)
    return std::move(linked).error();
  return making;
}

Status Store::keep(const fs::path& making, const std::string& key, const std::string& expected) {
  auto contents = look_at(making / "files");
  if (!contents) return std::move(contents).error();
  if (!expected.empty() && contents->hash() != expected)
    return Error{ErrorCode::kInvalidInput, "the artifact " + key + " is not what its label says"};
  contents->needs = needs_of(*contents);
  if (Status s = write_file(making / "contents", to_text(*contents)); !s) return s;
  std::error_code ec, none;
  fs::rename(making, place(key), ec);
  std::lock_guard guard{mutex_};
  if (!ec) {
    note_use(key);
    return {};
  }
  if (fs::exists(files_of(key), none)) return {};  // another was faster
  return disk_error("cannot keep " + place(key).string(), ec);
}

void Store::remove(const fs::path& dir) {
  std::error_code ec;
  for (int i = 0; i < 5; ++i) {
    fs::remove_all(dir, ec);
    if (!ec) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

}  // namespace trivet::store
