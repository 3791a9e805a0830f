// trivet logs: the lines that functions wrote, from a running server.
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

struct Options {
  std::string name, call;
  bool follow = false;
  int tail = 100;
};

void print_line(std::string_view data, bool raw) {
  if (raw) {
    std::cout << data << "\n" << std::flush;
    return;
  }
  boost::system::error_code ec;
  json::value value = json::parse(data, ec);
  if (ec || !value.is_object()) return;
  const auto& row = value.as_object();
  if (row.contains("lines")) {
    std::cerr << "trivet: " << cell(row, "lines") << " lines were dropped: the store was full\n";
    return;
  }
  std::cout << cell(row, "function") << " " << cell(row, "call_id") << " " << cell(row, "level")
            << " " << cell(row, "message");
  if (row.contains("fields")) std::cout << " " << cell(row, "fields");
  std::cout << "\n" << std::flush;
}

int logs(const Common& common, const Options& options) {
  constexpr int64_t kTimeoutMs = 30'000;
  auto client = Client::connect(common.server, common.token, kTimeoutMs);
  if (!client) return fail(client.error());
  std::string target =
      "/v1/logs?tail=" + std::to_string(options.tail) + (options.follow ? "" : "&follow=0");
  if (!options.name.empty()) target += "&function=" + options.name;
  if (!options.call.empty()) target += "&call=" + options.call;
  std::string held;
  auto reply = (*client)->stream("GET", target, [&](std::string_view piece) {
    held += piece;
    for (size_t end; (end = held.find('\n')) != std::string::npos; held.erase(0, end + 1))
      if (held.starts_with("data: "))
        print_line(std::string_view{held}.substr(6, end - 6), common.as_json());
    return true;
  });
  if (!reply) return fail(reply.error());
  return reply->status == 200 ? 0 : fail(error_of(*reply));
}

}  // namespace

void add_logs(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("logs", "what functions wrote");
  verb->add_option("name", options->name, "only of this function");
  verb->add_option("--call", options->call, "only of this call");
  verb->add_option("--tail", options->tail, "begin with that many lines")->capture_default_str();
  verb->add_flag("-f,--follow", options->follow, "go on as lines come");
  verb->callback([&common, &action, options] {
    action = [&common, options] { return logs(common, *options); };
  });
}

}  // namespace trivet::cli
