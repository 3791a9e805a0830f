#include "host/places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace trivet::host {
namespace {

namespace fs = std::filesystem;

// Folders of runtimes that came with the program: beside it in an installed tree, above it in a
// build tree.
std::vector<fs::path> shipped_runtimes() {
  std::error_code ec;
  fs::path self = fs::read_symlink("/proc/self/exe", ec).parent_path();
  std::vector<fs::path> out;
  for (const fs::path& candidate :
       {self / "runtimes", self / "../share/trivet/runtimes", fs::path{TRIVET_SOURCE_RUNTIMES}})
    if (fs::is_directory(candidate, ec)) out.push_back(candidate);
  return out;
}

Status make_writable(const fs::path& dir) {
  std::error_code ec;
  fs::create_directories(dir, ec);
  if (ec || access(dir.c_str(), W_OK) != 0)
    return Error{
        ErrorCode::kIo,
        "the data folder " + dir.string() + " cannot be written" + (ec ? ": " + ec.message() : ""),
        "choose another with --data"};
  return {};
}

// A folder below one that everybody may write: it must be ours alone, or others could put artifacts
// there for us to run.
Status make_private(const fs::path& dir) {
  if (mkdir(dir.c_str(), 0711) == 0) return {};
  struct stat found {};
  bool ours = lstat(dir.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
              found.st_uid == getuid() && (found.st_mode & 0022) == 0;
  if (ours) return make_writable(dir);
  return Error{ErrorCode::kIo, "the data folder " + dir.string() + " belongs to somebody else",
               "choose another with --data"};
}

}  // namespace

Result<Places> find_places(const HostConfig& config) {
  Places places;
  for (const auto& dir : config.runtime_dirs) places.runtime_dirs.emplace_back(dir);
  if (const char* list = std::getenv("TRIVET_RUNTIMES")) {
    std::stringstream folders{list};
    for (std::string dir; std::getline(folders, dir, ':');)
      if (!dir.empty()) places.runtime_dirs.emplace_back(dir);
  }
  for (auto& dir : shipped_runtimes()) places.runtime_dirs.push_back(dir);

  if (!config.data_dir.empty()) {
    places.data_dir = fs::absolute(config.data_dir);
    if (Status ok = make_writable(places.data_dir); !ok) return std::move(ok).error();
    return places;
  }
  std::error_code ec;
  fs::path root = fs::absolute(config.root, ec).lexically_normal();
  fs::path beside = (fs::is_directory(root, ec) ? root : root.parent_path()) / ".trivet";
  places.data_dir = beside;
  if (!fs::exists(root, ec)) return places;  // the catalog refuses it; no folder is made for a typo
  if (make_writable(beside).ok()) return places;
  places.data_dir = fs::temp_directory_path(ec) / ("trivet-" + std::to_string(getuid()));
  if (Status ok = make_private(places.data_dir); !ok) return std::move(ok).error();
  return places;
}

Status may_listen(const net::Address& address, const HostConfig& config) {
  if (address.is_loopback() || !config.access_token.empty()) return {};
  return Error{ErrorCode::kUnauthorized, "listening on " + address.url() + " needs an access token",
               "set TRIVET_TOKEN, or listen on 127.0.0.1"};
}

Result<sandbox::Level> sandbox_floor(const HostConfig& config) {
  if (config.sandbox.empty()) return sandbox::Level::kSandbox;
  auto level = sandbox::parse_level(config.sandbox);
  if (level) return *level;
  return Error{ErrorCode::kInvalidInput, "there is no sandbox level \"" + config.sandbox + "\"",
               "levels are trusted, process, sandbox and strict"};
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> out;
  for (char** e = environ; *e; ++e) {
    std::string_view pair{*e};
    size_t equals = pair.find('=');
    if (equals != std::string_view::npos)
      out.emplace(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return out;
}

std::string search_path() {
  const char* path = std::getenv("PATH");
  return path ? path : "/usr/local/bin:/usr/bin:/bin";
}

}  // namespace trivet::host
