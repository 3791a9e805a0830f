// trivet serve and trivet dev: a host with listeners, until a signal ends it.
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <thread>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

struct Options {
  std::string root;
  std::vector<std::string> listen;
  bool dev = false, watch = false;
  int64_t drain_ms = 30'000;
  bool require_token = false, insecure_no_auth = false;
  std::string socket_group, user;
};

// systemd's notify protocol: a datagram to $NOTIFY_SOCKET.
void notify(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (!path || !*path) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<sockaddr*>(&address),
         sizeof address);
  close(fd);
}

void print_log(std::string_view line, bool colour) {
  boost::system::error_code ec;
  json::value value = json::parse(line, ec);
  if (ec) return;
  const auto& object = value.as_object();
  std::string level = cell(object, "level");
  std::string call = cell(object, "call_id");
  std::string tag = cell(object, "function") +
                    (call == "-" ? "" : " " + call.substr(call.size() > 6 ? call.size() - 6 : 0));
  const char* on = !colour            ? ""
                   : level == "error" ? "\033[31m"
                   : level == "warn"  ? "\033[33m"
                                      : "\033[36m";
  std::cerr << std::string{on} + tag + (colour ? "\033[0m" : "") + " | " + log_text(object) + "\n";
}

std::string default_root() {
  std::error_code ec;
  return std::filesystem::is_directory("functions", ec) &&
                 !std::filesystem::exists("trivet.yaml", ec) &&
                 !std::filesystem::exists("schema.yaml", ec)
             ? "functions"
             : ".";
}

// `told`: the log is printed, and has said what is weakened.
void announce(Host& host, bool told, bool quiet) {
  for (const auto& problem : host.list_problems()) std::cerr << "trivet: " << problem << "\n";
  auto functions = host.list_functions();
  for (const auto& function : functions) {
    for (const auto& note : function.notes)
      std::cerr << "trivet: " << function.name << ": " << note << "\n";
    for (const auto& what : function.weakened)
      if (!told) std::cerr << "trivet: " << function.name << ": sandbox weakened: " << what << "\n";
    if (!function.available)
      std::cerr << "trivet: " << function.name << " needs runtime " << function.runtime
                << ", whose toolchain is missing; see `trivet doctor`\n";
  }
  for (const auto& warning : host.list_warnings())
    if (!told) std::cerr << "trivet: " << warning << "\n";
  if (quiet) return;
  std::cerr << "trivet serves " << functions.size()
            << (functions.size() == 1 ? " function" : " functions") << " at";
  for (const auto& address : host.addresses()) std::cerr << " " << address;
  std::cerr << "\n";
}

// SIGHUP reloads, SIGTERM and SIGINT drain, a second one forces.
int until_signal(Host& host, const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal == SIGHUP) {
      notify("RELOADING=1");
      auto changed = host.reload_functions();
      if (changed) std::cerr << "trivet: reloaded, " << changed->size() << " changed\n";
      notify("READY=1");
      continue;
    }
    notify("STOPPING=1");
    if (signal == SIGUSR1) {  // on_failure: there is nothing to wait for
      static_cast<void>(host.close());
      return fail({ErrorCode::kUnavailable, "the launcher was killed, and all workers with it",
                   "start trivet again; a service manager does"});
    }
    std::thread impatient([&signals] {
      int again = 0;
      sigwait(&signals, &again);
      if (again == SIGTERM || again == SIGINT) _exit(1);
    });
    Status closed = host.close();
    pthread_kill(impatient.native_handle(),
                 SIGUSR2);  // it waits for one more signal: give it a harmless one
    impatient.join();
    return closed ? 0 : fail(closed.error());
  }
}

int serve(const Common& common, const Options& options) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  HostConfig config = host_config(common, options.root.empty() ? default_root() : options.root);
  config.listen = options.listen;
  config.watch = options.dev || options.watch;
  if (config.data_dir.empty() && !options.dev) config.data_dir = state_dir(config.root);
  config.drain_timeout_ms = options.drain_ms;
  config.require_token = options.require_token;
  config.insecure_no_auth = options.insecure_no_auth;
  config.socket_group = options.socket_group;
  config.user = !options.user.empty() || options.dev ? options.user : default_user();
  config.on_failure = [](std::string_view) { kill(getpid(), SIGUSR1); };
  config.max_workers = common.max_workers;
  config.max_memory = common.max_memory;
  config.shards = common.shards;
  config.spare_memory_bytes = static_cast<int64_t>(common.spare_memory);
  bool colour = is_terminal(2) && !std::getenv("NO_COLOR");
  if (options.dev || common.verbose)
    config.on_log = [colour](std::string_view line) { print_log(line, colour); };
  bool prints_log = config.on_log != nullptr;
  auto host = open_host(std::move(config));
  if (!host) return fail(host.error());
  if (Status started = (*host)->start(); !started) return fail(started.error());
  announce(**host, prints_log, common.quiet);
  notify("READY=1");
  return until_signal(**host, signals);
}

}  // namespace

std::string default_user() {
  constexpr const char* kUser = "trivet";
  return geteuid() == 0 && getpwnam(kUser) ? kUser : "";
}

void add_budget(CLI::App& verb, Common& common) {
  verb.add_option("--max-workers", common.max_workers, "of all functions together")
      ->envname("TRIVET_MAX_WORKERS")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb.add_option("--shards", common.shards, "threads that serve calls; 0: half of the CPUs")
      ->envname("TRIVET_SHARDS")
      ->check(CLI::Range(0, kShardsMost))
      ->capture_default_str();
  verb.add_option("--max-memory", common.max_memory,
                  "of all workers together, like 8GiB, 64MiB taken for each; 0: any")
      ->envname("TRIVET_MAX_MEMORY")
      ->transform(CLI::AsSizeValue(true))
      ->capture_default_str();
  verb.add_option("--max-builds", common.max_builds,
                  "of all functions at once, the others wait; 0: one for each CPU")
      ->envname("TRIVET_MAX_BUILDS")
      ->check(CLI::Range(0, 1'000))
      ->capture_default_str();
  verb.add_option("--spare-memory", common.spare_memory,
                  "of the spares of one runtime; 0: no spares and no zygotes")
      ->envname("TRIVET_SPARE_MEMORY")
      ->transform(CLI::AsSizeValue(true))
      ->capture_default_str();
}

void add_serve(CLI::App& app, Common& common, Action& action) {
  for (bool dev : {false, true}) {
    auto options = std::make_shared<Options>();
    options->dev = dev;
    options->listen = common.listen;
    auto* verb =
        app.add_subcommand(dev ? "dev" : "serve", dev ? "serve with hot reload and readable logs"
                                                      : "serve the functions below a folder");
    verb->add_option("dir", options->root, "default: functions/, else .");
    verb->add_option("--listen", options->listen, "ADDR:PORT or unix:PATH; may be repeated")
        ->envname("TRIVET_LISTEN")
        ->capture_default_str();
    add_budget(*verb, common);
    if (!dev) verb->add_flag("--watch", options->watch, "reload when files change");
    verb->add_option("--drain-ms", options->drain_ms,
                     "how long to wait for calls in flight at the end")
        ->capture_default_str();
    verb->add_flag("--require-token", options->require_token,
                   "ask for an access token on loopback addresses, too");
    verb->add_flag("--insecure-no-auth", options->insecure_no_auth,
                   "let everybody in who reaches an address that is not loopback");
    verb->add_option(
        "--user", options->user,
        "whom root becomes once its sockets are open; default for serve: trivet, where "
        "there is such a user; root: stay root");
    verb->add_option("--socket-group", options->socket_group,
                     "its members may connect to Unix sockets, to call and to read");
    verb->callback([&common, &action, options] {
      action = [&common, options] { return serve(common, *options); };
    });
  }
}

}  // namespace trivet::cli
