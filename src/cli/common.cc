#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/cli.h"

namespace trivet::cli {

int fail(const Error& error) {
  std::cerr << "trivet: " << error.message << "\n";
  if (!error.hint.empty()) std::cerr << "  hint: " << error.hint << "\n";
  for (const auto& [key, value] : error.details) {
    if (key == "function" || key == "retry_after_s") continue;
    if (value.find('\n') == std::string::npos) {
      std::cerr << "  " << key << ": " << value << "\n";
      continue;
    }
    std::cerr << "  " << key << ":\n";
    std::istringstream lines{value};
    for (std::string line; std::getline(lines, line);) std::cerr << "    " << line << "\n";
  }
  return traits(error.code).exit_code;
}

Error error_of(const ClientReply& reply) {
  boost::system::error_code ec;
  json::value body = json::parse(reply.body, ec);
  Error error{ErrorCode::kInternal, "the server answered " + std::to_string(reply.status)};
  if (ec || !body.is_object()) return error;
  for (const auto& member : body.as_object()) {
    std::string value = member.value().is_string() ? std::string{member.value().as_string()}
                                                   : json::serialize(member.value());
    std::string_view key = member.key();
    if (key == "code")
      error.code = code_from_name(value);
    else if (key == "detail")
      error.message = value;
    else if (key == "hint")
      error.hint = value;
    else if (key != "type" && key != "title" && key != "status" && key != "component")
      error.details.emplace_back(key, value);
  }
  return error;
}

Result<std::string> read_input(const std::string& given) {
  if (given == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
  if (!given.starts_with('@')) return given;
  std::ifstream in(given.substr(1), std::ios::binary);
  if (!in)
    return Error{ErrorCode::kInvalidInput, "cannot read " + given.substr(1),
                 "-d takes JSON, @file or -"};
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

HostConfig host_config(const Common& common, std::string root) {
  HostConfig config;
  config.root = std::move(root);
  config.data_dir = common.data;
  config.runtime_dirs = common.runtimes;
  config.access_token = common.token;
  return config;
}

bool is_terminal(int fd) { return isatty(fd) == 1; }

namespace {

Result<json::value> parsed(const std::string& text) {
  boost::system::error_code ec;
  json::value value = json::parse(text, ec);
  if (ec) return Error{ErrorCode::kInternal, "the answer is not JSON: " + ec.message()};
  return value;
}

}  // namespace

Result<json::value> view_folder(const Common& common, const std::string& path,
                                const std::string& root) {
  HostConfig config = host_config(common, root);
  config.loop = LoopMode::kCaller;
  auto host = Host::open(std::move(config));
  if (!host) return std::move(host).error();
  auto view = (*host)->view(path);
  if (!view) return std::move(view).error();
  return parsed(*view);
}

Result<json::value> fetch(const Common& common, const std::string& path,
                          const std::string& local_root) {
  constexpr int64_t kTimeoutMs = 30'000;
  if (common.server == "none" && !local_root.empty()) return view_folder(common, path, local_root);
  auto client = Client::connect(common.server, common.token, kTimeoutMs);
  if (!client) {
    if (local_root.empty() || common.server_given) return std::move(client).error();
    return view_folder(common, path, local_root);
  }
  auto reply = (*client)->request("GET", path, {}, {});
  if (!reply) return std::move(reply).error();
  if (reply->status / 100 != 2) return error_of(*reply);
  return parsed(reply->body);
}

void Table::print() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    std::cout << line << "\n";
  }
}

std::string cell(const json::object& row, std::string_view key) {
  const auto* value = row.if_contains(key);
  if (!value || value->is_null()) return "-";
  if (!value->is_string()) return json::serialize(*value);
  return value->as_string().empty() ? "-" : std::string{value->as_string()};
}

}  // namespace trivet::cli
