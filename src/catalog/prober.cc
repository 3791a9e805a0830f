#include "catalog/prober.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/clock.h"
#include "catalog/candidates.h"
#include "os/spawn.h"

namespace trivet::catalog {
namespace {

namespace fs = std::filesystem;
constexpr auto kProbeTimeout = 5s;
constexpr size_t kOutputMost = 64 * 1024;
constexpr const char* kFailed = "!";  // in place of a version

std::string stamp_of(const std::string& binary) {
  struct stat st {};
  if (stat(binary.c_str(), &st) != 0) return {};
  return std::to_string(st.st_mtim.tv_sec) + "." + std::to_string(st.st_mtim.tv_nsec) + "|" +
         std::to_string(st.st_size);
}

fs::path real(const std::string& file) {
  std::error_code ec;
  fs::path path = fs::canonical(file, ec);
  return ec ? fs::path{file} : path;
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

// One line per candidate: runtime folder, candidate, its stamp, binary, its stamp, version; tabs
// between them. What is gone is not read.
void Prober::load() {
  std::ifstream in(cache_file_);
  for (std::string line; std::getline(in, line);) {
    std::stringstream fields(line);
    std::pair<std::string, std::string> key;
    Known known;
    bool whole = true;
    for (std::string* field : {&key.first, &key.second, &known.stamp, &known.binary,
                               &known.binary_stamp, &known.version})
      whole = whole && std::getline(fields, *field, '\t');
    if (whole && stamp_of(key.second) == known.stamp) known_[key] = known;
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
    for (const auto& [key, known] : known_)
      out << key.first << '\t' << key.second << '\t' << known.stamp << '\t' << known.binary << '\t'
          << known.binary_stamp << '\t' << known.version << '\n';
  }
  fs::rename(making, cache_file_, ec);
}

Result<Toolchain> Prober::ask(const RuntimeSpec& runtime, const std::string& candidate,
                              Order order) {
  std::string binary = candidate;
  if (!runtime.resolve_args.empty()) {
    std::vector<std::string> argv{candidate};
    argv.insert(argv.end(), runtime.resolve_args.begin(), runtime.resolve_args.end());
    auto resolved = runner_.run(argv);
    if (!resolved && order == Order::kOther) return std::move(resolved).error();
    std::string path = resolved ? trimmed(*resolved) : "";
    std::error_code ec;
    fs::path folder{path};  // of an installation: the program is in its bin
    if (!path.empty() && fs::is_directory(folder, ec))
      path = (folder / "bin" / fs::path{candidate}.filename()).string();
    if (runnable(path)) binary = path;
  }
  std::vector<std::string> argv{binary};
  argv.insert(argv.end(), runtime.version_args.begin(), runtime.version_args.end());
  auto printed = runner_.run(argv);
  if (!printed) return std::move(printed).error();
  std::smatch match;
  std::string version = "?";
  if (std::regex_search(*printed, match, std::regex{runtime.version_pattern}) && match.size() > 1)
    version = match[1];
  return Toolchain{std::move(binary), std::move(version)};
}

Result<Toolchain> Prober::look(const RuntimeSpec& runtime, const std::string& candidate,
                               Order order) {
  std::pair key{runtime.dir.string(), candidate};
  std::string stamp = stamp_of(candidate);
  {
    std::lock_guard lock(mutex_);
    auto known = known_.find(key);
    if (known != known_.end() && known->second.stamp == stamp && runnable(known->second.binary) &&
        stamp_of(known->second.binary) == known->second.binary_stamp)
      return Toolchain{known->second.binary, known->second.version};
  }
  auto found = ask(runtime, candidate, order);
  std::lock_guard lock(mutex_);
  known_[key] = found ? Known{stamp, found->binary, stamp_of(found->binary), found->version}
                      : Known{stamp, "-", "-", kFailed};
  save();
  return found;
}

bool Prober::has_failed(const RuntimeSpec& runtime, const std::string& candidate) {
  std::lock_guard lock(mutex_);
  auto known = known_.find({runtime.dir.string(), candidate});
  return known != known_.end() && known->second.version == kFailed &&
         known->second.stamp == stamp_of(candidate);
}

void Prober::probe(RuntimeSpec& runtime) {
  std::string candidate = first_candidate(runtime, search_path_);
  if (candidate.empty()) {
    runtime.reason = runtime.binary_candidates.empty()
                         ? "its manifest names no binary"
                         : runtime.binary_candidates.back() + " was not found";
    return;
  }
  auto found = look(runtime, candidate, Order::kFirst);
  if (!found) {
    runtime.reason = found.error().message;
    return;
  }
  runtime.binary = std::move(found->binary);
  runtime.version = std::move(found->version);
}

std::vector<Toolchain> Prober::others(const RuntimeSpec& first, Failed failed) {
  std::set<fs::path> files{real(first.binary)};
  std::set<std::string> versions{"?", first.version};
  std::vector<Toolchain> out;
  for (const auto& candidate : all_candidates(first, search_path_)) {
    if (!files.insert(real(candidate)).second) continue;
    if (failed == Failed::kLeftOut && has_failed(first, candidate)) continue;
    auto found = look(first, candidate, Order::kOther);
    if (!found) continue;
    fs::path file = real(found->binary);
    bool is_new = file == real(candidate) || files.insert(file).second;
    if (is_new && versions.insert(found->version).second) out.push_back(std::move(*found));
  }
  return out;
}

}  // namespace trivet::catalog
