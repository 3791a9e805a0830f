#include "catalog/prober.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/clock.h"
#include "os/spawn.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
constexpr auto kProbeTimeout = 5s;
constexpr size_t kOutputMost = 64 * 1024;

bool runnable(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && access(path.c_str(), X_OK) == 0;
}

std::string stamp_of(const std::string& binary) {
  struct stat st {};
  if (stat(binary.c_str(), &st) != 0) return {};
  return binary + "|" + std::to_string(st.st_mtim.tv_sec) + "." +
         std::to_string(st.st_mtim.tv_nsec) + "|" + std::to_string(st.st_size);
}

std::string trimmed(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

}  // namespace

Result<std::string> RealCommandRunner::run(const std::vector<std::string>& argv) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
  os::Fd reading{fds[0]}, writing{fds[1]}, null{open("/dev/null", O_RDONLY | O_CLOEXEC)};
  std::vector<std::string> env;
  for (char** e = environ; *e; ++e) env.emplace_back(*e);
  auto child =
      os::spawn({argv, env, "/", {{0, null.get()}, {1, writing.get()}, {2, writing.get()}}});
  if (!child) return std::move(child).error();
  writing.reset();
  std::string out;
  Instant deadline = RealClock{}.now() + kProbeTimeout;
  bool late = false;
  for (;;) {
    auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - RealClock{}.now()).count();
    pollfd p{reading.get(), POLLIN, 0};
    int n = left <= 0 ? 0 : poll(&p, 1, static_cast<int>(left));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      late = true;
      break;
    }
    char buffer[4096];
    ssize_t got = read(reading.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    if (out.size() < kOutputMost) out.append(buffer, static_cast<size_t>(got));
  }
  if (late) os::kill_tree(child->pid, {});
  os::ExitStatus status = os::reap(*child);
  if (late) return Error{ErrorCode::kIo, argv[0] + " did not answer within 5 s"};
  if (status.code != 0)
    return Error{ErrorCode::kIo,
                 argv[0] + " ended with " + status.text() + ": " + out.substr(0, 300)};
  return out;
}

Prober::Prober(CommandRunner& runner, std::string search_path, fs::path cache_dir)
    : runner_(runner), search_path_(std::move(search_path)) {
  if (!cache_dir.empty()) cache_file_ = cache_dir / "toolchains";
  load();
}

// One line per runtime: folder, stamp, binary, version; tabs between them.
void Prober::load() {
  std::ifstream in(cache_file_);
  for (std::string line; std::getline(in, line);) {
    std::stringstream fields(line);
    std::string folder;
    Known known;
    if (std::getline(fields, folder, '\t') && std::getline(fields, known.stamp, '\t') &&
        std::getline(fields, known.binary, '\t') && std::getline(fields, known.version, '\t'))
      known_[folder] = known;
  }
}

void Prober::save() {
  if (cache_file_.empty()) return;
  std::error_code ec;
  fs::create_directories(cache_file_.parent_path(), ec);
  fs::path making = cache_file_;
  making += "." + std::to_string(getpid());
  {
    std::ofstream out(making);
    for (const auto& [folder, known] : known_)
      out << folder << '\t' << known.stamp << '\t' << known.binary << '\t' << known.version << '\n';
  }
  fs::rename(making, cache_file_, ec);
}

std::string Prober::locate(const RuntimeSpec& runtime) const {
  fs::path installed = runtime.dir.parent_path().parent_path() / ".toolchains" / "bin";
  for (const auto& candidate : expand(runtime.binary_candidates, folders_of(runtime))) {
    if (candidate.find('/') != std::string::npos) {
      if (runnable(candidate)) return candidate;
      continue;
    }
    std::stringstream folders(search_path_);
    for (std::string folder; std::getline(folders, folder, ':');)
      if (!folder.empty() && runnable(folder + "/" + candidate)) return folder + "/" + candidate;
    if (runnable((installed / candidate).string())) return (installed / candidate).string();
  }
  return {};
}

void Prober::probe(RuntimeSpec& runtime) {
  std::string found = locate(runtime);
  if (found.empty()) {
    runtime.reason = runtime.binary_candidates.empty()
                         ? "its manifest names no binary"
                         : runtime.binary_candidates.back() + " was not found";
    return;
  }
  std::string key = runtime.dir.string(), stamp = stamp_of(found);
  {
    std::lock_guard lock(mutex_);
    auto known = known_.find(key);
    if (known != known_.end() && known->second.stamp == stamp && runnable(known->second.binary)) {
      runtime.binary = known->second.binary;
      runtime.version = known->second.version;
      return;
    }
  }
  std::string binary = found;
  if (!runtime.resolve_args.empty()) {
    std::vector<std::string> argv{found};
    argv.insert(argv.end(), runtime.resolve_args.begin(), runtime.resolve_args.end());
    if (auto resolved = runner_.run(argv)) {
      std::string path = trimmed(*resolved);
      if (runnable(path)) binary = path;
    }
  }
  std::vector<std::string> argv{binary};
  argv.insert(argv.end(), runtime.version_args.begin(), runtime.version_args.end());
  auto printed = runner_.run(argv);
  if (!printed) {
    runtime.reason = printed.error().message;
    return;
  }
  std::smatch match;
  runtime.version = "?";
  if (std::regex_search(*printed, match, std::regex{runtime.version_pattern}) && match.size() > 1)
    runtime.version = match[1];
  runtime.binary = binary;
  std::lock_guard lock(mutex_);
  known_[key] = {stamp, binary, runtime.version};
  save();
}

}  // namespace trivet::catalog
