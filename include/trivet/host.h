#pragma once
// trivet as a library: a host that runs functions written in any language, inside your own server.
//
//   auto host = trivet::Host::open({.root = "functions"});
//   if (!host) return complain(host.error().text());
//   auto reply = (*host)->invoke({.function = "hello", .input = R"({"name":"Ada"})"});
//   if (reply) std::cout << reply->body;
//
// A Host owns its loop, its workers and, after start(), its listeners. All methods may be called
// from any thread, except in LoopMode::kCaller, where every call must come from one thread. No
// header of another library is needed.

#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trivet/error.h"
#include "trivet/result.h"

namespace trivet {

// Who runs the host's event loop.
enum class LoopMode {
  kBackground,  // a thread of the host: any thread may call
  kCaller,      // the thread that calls invoke(): no hand-over between threads, the fastest for one
                // caller. SIGPIPE is blocked in that thread
};

struct HostConfig {
  std::string root = ".";  // a folder of functions, one function's folder, or one source file
  std::vector<std::string>
      runtime_dirs{};      // folders of runtimes, first wins; empty = those that came with trivet
  std::string data_dir{};  // artifacts and caches; empty = ".trivet" beside the functions
  std::vector<std::string> listen{};  // "127.0.0.1:7007", "[::1]:0", "unix:PATH"; empty = no HTTP
  std::string access_token{};  // demanded of HTTP callers, who may then do everything. Tokens that
                               // may do less are kept in the data folder (trivet/vault.h). An
                               // address that is not loopback needs one or the other
  bool require_token = false;  // on loopback addresses, too
  bool insecure_no_auth = false;  // an address that is not loopback needs none: whoever reaches it
                                  // may do everything
  std::string socket_group{};     // its members may connect to Unix sockets, to call and to read;
                                  // otherwise these serve the own user and root
  std::string user{};  // root becomes that user in start(), once its sockets are open, and keeps no
                       // capability; empty = nothing changes. The launchers, which start workers,
                       // stay root
  std::string secrets_key{};  // file of the key of the secrets; empty = the service manager's
                              // credential trivet-secrets-key, else one in the data folder
  bool watch = false;         // reload when files change
  int64_t drain_timeout_ms = 30'000;  // how long close() waits for calls in flight
  int max_workers = 1'000;            // of all functions together, at least 1
  uint64_t max_memory = 0;            // bytes for all workers, 64 MiB taken for each; 0 = any
  int shards = 0;                     // threads that serve calls, each with its own listeners and
                                      // launcher; 0 = one for two CPUs, at most 8, when it listens
  int max_builds = 0;                 // at once, the others wait in line; 0 = one for each CPU
  std::string store{};  // where hosts leave artifacts for each other: "s3://bucket/prefix",
                        // "file:///folder"; empty = nowhere. Credentials are in the environment
  std::string store_program{};  // a trivet that transfers them; empty = trivet, by PATH
  std::string sandbox{};  // "trusted", "process", "sandbox" or "strict": the level of functions
                          // that name none, and the least that others may ask for; empty: sandbox
  LoopMode loop = LoopMode::kBackground;
  std::map<std::string, std::string>
      overrides{};  // of a lone file: "interface", "mode", "runtime", "timeout"
  int64_t spare_memory_bytes = 256 << 20;  // what the spares of one runtime may take, after
                                           // start(); 0 = no spares and no zygotes
  std::function<void(std::string_view reason)>
      on_failure{};  // the host cannot go on (its launcher was killed): every call fails from now
                     // on. Called once, on the loop's thread, which must not be blocked
  std::function<void(std::string_view json)>
      on_log{};  // each log line as a JSON object; called on the loop's thread
};

using HeaderPairs = std::vector<std::pair<std::string, std::string>>;

struct CallRequest {
  std::string function{};
  std::string input{};    // the body
  std::string call_id{};  // empty: one is made
  std::string auth{};     // a JSON object that tells the function who calls; empty = nobody
  HeaderPairs headers{};  // for interfaces that see the request
  std::string module{};   // of the interface `module`: which function of which module is called,
  std::string member{};   // with `input` as the JSON array of its arguments
  int64_t wait_ms = 0;  // the caller waits that long at most; 0 = as long as limits.timeout allows
};

struct CallReply {
  std::string call_id;
  int status = 200;
  HeaderPairs headers;
  std::string body;                               // whole: a streamed reply is gathered
  double queue_ms = 0, start_ms = 0, run_ms = 0;  // start_ms > 0: the call waited for a cold start
};

struct FunctionView {
  std::string name, runtime, runtime_version, interface, mode, path, entrypoint, version,
      description;
  int64_t timeout_ms = 0;
  bool available = false;  // its toolchain is installed
  std::vector<std::string> notes;
  std::string sandbox;                // "trusted", "process", "sandbox" or "strict"
  std::vector<std::string> weakened;  // what its manifest takes from the level sandbox, like
                                      // "net api.example.com:443" or "memory none"
};

struct StatsView {
  int64_t functions = 0, problems = 0, workers = 0, calls = 0, errors = 0, in_flight = 0,
          cold_starts = 0;
};

// Short-lived secrets with which a function may call back: 64 hex digits, valid for five minutes.
class TokenStore {
 public:
  virtual ~TokenStore() = default;
  // For that function. Any thread.
  virtual std::string issue(std::string_view function) = 0;
  // The function it was issued to; empty when it is unknown or too old. Compared in constant time.
  // Any thread.
  virtual std::string verify(std::string_view token) = 0;
};

// Two descriptors, in packets with four bytes of length, in the External Term Format; `trivet port`
// has the terms.
struct PortConfig {
  int in = 0, out = 1;  // stay the caller's, and are made non-blocking
  bool logs = false;    // log lines go out as {log, Line}
};

class Host {
 public:
  // Reads runtimes and functions; starts no worker. kIo, kInvalidManifest when the root cannot be
  // served at all; a function that is broken alone is a problem (list_problems), not a failure.
  static Result<std::unique_ptr<Host>> open(HostConfig config);
  virtual ~Host() = default;  // close() with no patience

  // Listens and watches as configured, and warms what wants to be warm. kIo when an address is in
  // use.
  virtual Status start() = 0;
  // Refuses new calls, waits for those in flight up to drain_timeout_ms, ends every worker.
  // Idempotent.
  virtual Status close() = 0;

  // Runs one call and waits for its reply. Every ErrorCode about functions can come back.
  virtual Result<CallReply> invoke(CallRequest request) = 0;
  // The same without waiting; `done` runs on the loop's thread and must not block. Not in
  // LoopMode::kCaller.
  virtual void invoke(CallRequest request, std::function<void(Result<CallReply>)> done) = 0;
  virtual std::future<Result<CallReply>> invoke_async(CallRequest request) = 0;

  virtual Result<FunctionView> get_function(std::string_view name) = 0;
  virtual std::vector<FunctionView> list_functions() = 0;
  virtual std::vector<std::string> list_problems() = 0;
  // How the machine, or the way the host was started, confines all functions less than by default.
  // Whole once start() has returned.
  virtual std::vector<std::string> list_warnings() = 0;
  // Looks at the files again. The names of what changed.
  virtual Result<std::vector<std::string>> reload_functions() = 0;
  virtual StatsView stats() = 0;
  virtual TokenStore& token_store() = 0;
  // Answers what comes in until its end, and then what is in flight, up to drain_timeout_ms.
  // kInvalidRequest when what comes is not packets.
  virtual Status serve_port(const PortConfig& config) = 0;

  // Builds one function's artifact now, with its output on on_log.
  virtual Status build(std::string_view function) = 0;
  // What GET on that path of the administration API answers: "/v1/functions", "/v1/runtimes", ...
  // JSON text.
  virtual Result<std::string> view(std::string_view path) = 0;
  // The addresses that start() listens on, with the port that was chosen.
  virtual std::vector<std::string> addresses() = 0;
};

// "0.1.0"
std::string_view version();

}  // namespace trivet
