// trivet logs: the lines that functions wrote, from a running server.
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {
namespace {

constexpr size_t kLongestProblem = 64 * 1024;

struct Options {
  std::string name, call;
  bool follow = false;
  int tail = 100;
};

void print_line(std::string_view data, bool raw) {
  if (raw) {
    std::cout << data << "\n";
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
            << " " << log_text(row) << "\n";
}

std::string target_of(const Options& options) {
  std::string target = "/v1/logs?tail=" + std::to_string(options.tail);
  if (!options.follow) target += "&follow=0";
  if (!options.name.empty()) target += "&function=" + url_escape(options.name);
  if (!options.call.empty()) target += "&call=" + url_escape(options.call);
  return target;
}

int logs(const Common& common, const Options& options) {
  constexpr int64_t kTimeoutMs = 30'000;
  auto client = Client::connect(common.server, common.token, kTimeoutMs);
  if (!client) return fail(client.error());
  std::string held, others;  // others: what is no event, such as the body of an error
  auto reply = (*client)->stream("GET", target_of(options), [&](std::string_view piece) {
    held += piece;
    for (size_t end; (end = held.find('\n')) != std::string::npos; held.erase(0, end + 1)) {
      std::string_view line = std::string_view{held}.substr(0, end);
      if (line.starts_with("data: "))
        print_line(line.substr(6), common.as_json());
      else if (others.size() + line.size() < kLongestProblem)
        others.append(line).append("\n");
    }
    return flush_output() == 0;
  });
  if (!reply) return fail(reply.error());
  if (reply->status == 200) return 0;
  reply->body = others + held;
  return fail(error_of(*reply));
}

}  // namespace

void add_logs(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("logs", "what functions wrote, from a running server");
  verb->add_option("name", options->name, "only of this function");
  verb->add_option("--call", options->call, "only of the call with this id");
  verb->add_option("--tail", options->tail, "begin with that many lines")->capture_default_str();
  verb->add_flag("-f,--follow", options->follow, "go on as lines come");
  verb->callback([&common, &action, options] {
    action = [&common, options] { return logs(common, *options); };
  });
}

}  // namespace trivet::cli
