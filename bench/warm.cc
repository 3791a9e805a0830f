// Promise 1: a warm call through the C++ API beside a bare loop on the same worker, in turns.
//
//   warm FUNCTION [ROUNDS] [CALLS]
//
// The bare loop drives a second worker, started with the command, environment and folder of the
// first, with one write and one read per call: no supervision, no deadline, no logs. Prints one
// line of JSON; TRIVET_DATA is a folder for this function alone: what was last built there is what
// its workers have. CPU is that of this process and of the worker together, per call.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "trivet/host.h"
#include "wire/frame.h"

namespace {

using Clock = std::chrono::steady_clock;
using trivet::wire::FrameType;
namespace json = boost::json;

const std::string kInput =
    R"({"name":"Ada","items":[1,2,3,4,5,6,7,8],"text":"eighty-four bytes of JSON input"})";

[[noreturn]] void die(const std::string& what) {
  std::cerr << "warm: " << what << "\n";
  std::exit(1);
}

// The strings of /proc/PID/NAME, which are separated by zeros.
std::vector<std::string> proc_strings(pid_t pid, const char* name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  std::vector<std::string> out;
  for (std::string text; std::getline(file, text, '\0');) out.push_back(text);
  return out;
}

double cpu_us(pid_t pid) {
  clockid_t clock{};
  timespec t{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0) return 0;
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

// What the workers' function was built into, or an empty text: the artifact that was used last.
std::string output_in(const std::string& data_dir) {
  namespace fs = std::filesystem;
  std::string output;
  fs::file_time_type last = fs::file_time_type::min();
  std::error_code none;
  for (const auto& artifact : fs::directory_iterator(fs::path(data_dir) / "artifacts", none)) {
    auto used = fs::last_write_time(artifact.path() / "contents", none);
    if (none || used < last) continue;
    last = used;
    output = artifact.path() / "files";
  }
  return output;
}

// A worker without a host: spawned like `model`, spoken to by plain system calls.
class BareWorker {
 public:
  BareWorker(pid_t model, const std::string& dir, const std::string& entrypoint,
             const std::string& interface, const std::string& output) {
    std::vector<std::string> words = proc_strings(model, "cmdline"),
                             environment = proc_strings(model, "environ");
    std::vector<char*> argv, envp;
    for (auto& word : words) argv.push_back(word.data());
    for (auto& word : environment) envp.push_back(word.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    std::string program = "/proc/" + std::to_string(model) + "/exe", cwd = dir;
    char resolved[4096];
    ssize_t length = readlink(program.c_str(), resolved, sizeof resolved - 1);
    if (length <= 0) die("cannot read " + program);
    resolved[length] = '\0';
    int down[2], up[2];
    if (pipe(down) != 0 || pipe(up) != 0) die("pipe");
    pid_ = fork();
    if (pid_ == 0) {
      int in = fcntl(down[0], F_DUPFD, 10), out = fcntl(up[1], F_DUPFD, 10);
      int null = open("/dev/null", O_RDWR);
      for (int fd : {0, 1, 2}) dup2(null, fd);
      dup2(in, 3);
      dup2(out, 4);
      for (int fd = 5; fd < 64; ++fd) close(fd);
      if (chdir(cwd.c_str()) != 0) _exit(126);
      execve(resolved, argv.data(), envp.data());
      _exit(127);
    }
    close(down[0]);
    close(up[1]);
    to_ = down[1];
    from_ = up[0];
    json::object load{{"function", "f"},          {"dir", dir},
                      {"entrypoint", entrypoint}, {"handler", ""},
                      {"env", json::object{}},    {"interface", interface},
                      {"concurrency", 1},         {"max_frame", 33 << 20},
                      {"credit", 256 << 10}};
    if (!output.empty()) load["output"] = output;
    send(FrameType::kLoad, 0, json::serialize(load), {});
    while (receive() != FrameType::kReady) continue;
  }
  ~BareWorker() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

  void call() {
    auto unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
    send(FrameType::kCall, ++next_,
         R"({"id":"01J0000000000000000000000","deadline_ms":)" + std::to_string(unix_ms + 30000) +
             "}",
         kInput);
    while (receive() != FrameType::kReply) continue;
  }

 private:
  void send(FrameType type, uint32_t call, const std::string& meta, const std::string& body) {
    out_.clear();
    trivet::wire::append_frame(out_, type, call, meta, body);
    if (write(to_, out_.data(), out_.size()) != static_cast<ssize_t>(out_.size())) die("write");
  }
  FrameType receive() {
    for (;;) {
      auto frame = decoder_.next();
      if (!frame) die(frame.error().text());
      if (frame->has_value()) {
        if ((*frame)->type == FrameType::kError) die("the bare worker failed to load");
        return (*frame)->type;
      }
      constexpr size_t kRoom = 64 * 1024;
      ssize_t n = read(from_, decoder_.room(kRoom), kRoom);
      if (n <= 0) die("the bare worker ended");
      decoder_.added(static_cast<size_t>(n));
    }
  }

  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  uint32_t next_ = 0;
  std::string out_;
  trivet::wire::FrameDecoder decoder_{33 << 20};
};

struct Round {
  double p50 = 0, p99 = 0, cpu = 0;
};

template <class Call>
Round measure(int calls, pid_t worker, Call call) {
  for (int i = 0; i < calls / 10; ++i) call();
  std::vector<double> us;
  us.reserve(static_cast<size_t>(calls));
  double cpu = cpu_us(getpid()) + cpu_us(worker);
  for (int i = 0; i < calls; ++i) {
    auto begin = Clock::now();
    call();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  cpu = cpu_us(getpid()) + cpu_us(worker) - cpu;
  std::sort(us.begin(), us.end());
  return {us[us.size() / 2], us[us.size() * 99 / 100], cpu / calls};
}

Round median(std::vector<Round> rounds) {
  auto middle = [&rounds](double Round::*field) {
    std::sort(rounds.begin(), rounds.end(),
              [field](const Round& a, const Round& b) { return a.*field < b.*field; });
    return rounds[rounds.size() / 2].*field;
  };
  return {middle(&Round::p50), middle(&Round::p99), middle(&Round::cpu)};
}

json::object as_json(const Round& round) {
  return {{"p50_us", round.p50}, {"p99_us", round.p99}, {"cpu_us", round.cpu}};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) die("usage: warm FUNCTION [ROUNDS] [CALLS]");
  int rounds = argc > 2 ? std::atoi(argv[2]) : 7, calls = argc > 3 ? std::atoi(argv[3]) : 2000;
  if (rounds < 1 || calls < 100) die("at least 1 round of 100 calls");
  trivet::HostConfig config;
  config.root = argv[1];
  config.loop = trivet::LoopMode::kCaller;
  if (const char* data = std::getenv("TRIVET_DATA")) config.data_dir = data;
  auto host = trivet::Host::open(config);
  if (!host) die(host.error().text());
  auto functions = (*host)->list_functions();
  if (functions.size() != 1) die(std::string{argv[1]} + " must hold one function");
  auto invoke = [&] {
    auto reply = (*host)->invoke({functions[0].name, kInput, {}, {}, {}});
    if (!reply) die(reply.error().text());
  };
  invoke();
  pid_t pid = 0;  // rows with 0 are on their way
  json::value workers = json::parse(*(*host)->view("/v1/workers"));
  for (const auto& row : workers.as_array())
    if (row.at("kind").as_string() == "worker" && pid == 0)
      pid = static_cast<pid_t>(row.at("pid").as_int64());
  if (pid == 0) die("no worker is left after a call");
  BareWorker bare(pid, functions[0].path, functions[0].entrypoint, functions[0].interface,
                  output_in(config.data_dir));
  std::vector<Round> floors, ours;
  for (int i = 0; i < rounds; ++i) {
    floors.push_back(measure(calls, bare.pid(), [&bare] { bare.call(); }));
    ours.push_back(measure(calls, pid, invoke));
  }
  std::cout << json::object{{"runtime", functions[0].runtime},
                            {"version", functions[0].runtime_version},
                            {"floor", as_json(median(floors))},
                            {"trivet", as_json(median(ours))}}
            << "\n";
  return 0;
}
