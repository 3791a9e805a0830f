#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/cli.h"

namespace trivet::cli {

namespace {

constexpr std::string_view kUnescaped =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
constexpr std::string_view kPlainInShells =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/+,:@%=";

bool errors_as_json = false;

std::string hex(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  auto byte = static_cast<unsigned char>(c);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

bool is_internal(std::string_view key) { return key == "retry_after_s"; }

json::object problem_of(const Error& error) {
  const ErrorTraits& row = traits(error.code);
  json::object out{{"type", "about:blank"},   {"title", row.title}, {"status", row.http_status},
                   {"detail", error.message}, {"code", row.name},   {"component", row.component}};
  if (!error.hint.empty()) out["hint"] = error.hint;
  for (const auto& [key, value] : error.details) {
    if (is_internal(key)) continue;
    boost::system::error_code ec;
    json::value shown(value);
    if (key == "exit_code") shown = json::parse(value, ec);
    out[out.contains(key) ? "error_" + key : key] = ec ? json::value(value) : shown;
  }
  return out;
}

// `text` itself, or with U+FFFD for each byte of it that is not ASCII when it is not UTF-8.
std::string valid_json(std::string text) {
  boost::system::error_code ec;
  json::parse(text, ec);
  if (!ec) return text;
  std::string out;
  for (char c : text) out += static_cast<unsigned char>(c) < 0x80 ? std::string{c} : "\ufffd";
  return out;
}

// What a status says about who failed, for a reply that does not say it itself.
ErrorCode code_of_status(int status) {
  for (ErrorCode code :
       {ErrorCode::kUnauthorized, ErrorCode::kNotFound, ErrorCode::kInvalidRequest,
        ErrorCode::kInvalidInput, ErrorCode::kPayloadTooLarge, ErrorCode::kOverloaded,
        ErrorCode::kUnavailable, ErrorCode::kFunctionTimeout, ErrorCode::kMethodNotAllowed})
    if (traits(code).http_status == status) return code;
  return ErrorCode::kInternal;
}

}  // namespace

void fail_as_json(bool on) { errors_as_json = on; }

int fail(const Error& error) {
  int code = traits(error.code).exit_code;
  if (errors_as_json) {
    std::cerr << valid_json(json::serialize(problem_of(error))) + "\n";
    return code;
  }
  std::cerr << "trivet: " << printable(error.message, "  ") << "\n";
  if (!error.hint.empty()) std::cerr << "  hint: " << printable(error.hint, "    ") << "\n";
  for (const auto& [key, value] : error.details) {
    if (key == "function" || is_internal(key)) continue;
    bool one_line = value.find('\n') == std::string::npos;
    std::cerr << "  " << key << (one_line ? ": " : ":\n    ") << printable(value, "    ") << "\n";
  }
  return code;
}

Error error_of(const ClientReply& reply) {
  boost::system::error_code ec;
  json::value body = json::parse(reply.body, ec);
  Error error{code_of_status(reply.status), "the server answered " + std::to_string(reply.status)};
  json::object none;
  for (const auto& member : !ec && body.is_object() ? body.as_object() : none) {
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
  if (error.code == ErrorCode::kUnauthorized)
    error.hint = "give the server's token with --token or TRIVET_TOKEN";
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

namespace {

// This one; where it was replaced meanwhile, the new one that has its name.
std::string own_program() {
  constexpr std::string_view kGone = " (deleted)";
  std::error_code ec;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", ec).string();
  if (path.ends_with(kGone)) path.resize(path.size() - kGone.size());
  return path;
}

}  // namespace

HostConfig host_config(const Common& common, std::string root) {
  HostConfig config;
  config.root = std::move(root);
  config.data_dir = common.data;
  config.store = common.store;
  config.sandbox = common.sandbox;
  config.store_program = own_program();
  config.max_builds = common.max_builds;
  config.runtime_dirs = common.runtimes;
  config.access_token = common.token;
  config.secrets_key = common.secrets_key;
  return config;
}

std::string state_dir(const std::string& root) {
  namespace fs = std::filesystem;
  auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path{value ? value : ""};
  };
  if (auto of_service = variable("STATE_DIRECTORY"); !of_service.empty()) return of_service;
  fs::path base = variable("XDG_STATE_HOME");
  if (!base.is_absolute()) {
    if (variable("HOME").empty()) return {};
    base = variable("HOME") / ".local/state";
  }
  std::error_code ec;
  fs::path folder = fs::weakly_canonical(root, ec);
  if (!folder.has_filename()) folder = folder.parent_path();
  uint64_t hash = 14695981039346656037ULL;  // FNV-1a: folders of one name are told apart
  for (unsigned char c : folder.string()) hash = (hash ^ c) * 1099511628211ULL;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return base / "trivet" / (folder.filename().string() + "-" + std::string{digits, 8});
}

Result<std::unique_ptr<Host>> open_host(HostConfig config) {
  std::error_code ec;
  if (!std::filesystem::exists(config.root, ec))
    return Error{ErrorCode::kNotFound, "there is no " + config.root,
                 "name a folder of functions, or a source file"};
  return Host::open(std::move(config));
}

int flush_output() {
  static int reason = 0;
  if (reason != 0) return reason;
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::cout.good() && std::ferror(stdout) == 0) return 0;
  reason = errno != 0 ? errno : EIO;
  pollfd reader{STDOUT_FILENO, POLLOUT, 0};  // an earlier write failed: is there still a reader?
  if (errno == 0 && poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR)) reason = EPIPE;
  return reason;
}

bool is_terminal(int fd) { return isatty(fd) == 1; }

std::string url_escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (kUnescaped.find(c) != std::string_view::npos)
      out += c;
    else
      out += "%" + hex(c);
  }
  return out;
}

bool is_function_name(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  constexpr std::string_view kRest = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  constexpr size_t kLongest = 63;
  return !name.empty() && name.size() <= kLongest &&
         kLetters.find(name[0]) != std::string_view::npos &&
         name.find_first_not_of(kRest) == std::string_view::npos;
}

Status check_function_name(const std::string& name) {
  if (is_function_name(name)) return {};
  return Error{ErrorCode::kFunctionNotFound, "there is no function \"" + name + "\"", kNameRule};
}

std::string printable(std::string_view text, std::string_view indent) {
  std::string out;
  while (!indent.empty() && text.ends_with('\n')) text.remove_suffix(1);
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    auto byte = static_cast<unsigned char>(c);
    // U+0080 to U+009F in UTF-8: terminals take them for escapes, too
    bool c1 = byte == 0xc2 && i + 1 < text.size() &&
              (static_cast<unsigned char>(text[i + 1]) & 0xe0) == 0x80;
    if (c == '\n' && !indent.empty())
      out.append("\n").append(indent);
    else if (c1)
      out += "\\x" + hex(text[++i]);
    else if ((byte < ' ' && c != '\t') || byte == 0x7f)
      out += "\\x" + hex(c);
    else
      out += c;
  }
  return out;
}

std::string log_text(const json::object& line) {
  std::string out = printable(cell(line, "message"), "    ");
  if (line.contains("fields")) out += " " + printable(json::serialize(line.at("fields")));
  return out;
}

std::string shell_quote(const std::string& word) {
  if (!word.empty() && word.find_first_not_of(kPlainInShells) == std::string::npos) return word;
  std::string out = "'";
  for (char c : word) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + "'";
}

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
  auto host = open_host(std::move(config));
  if (!host) return std::move(host).error();
  auto view = (*host)->view(path);
  if (!view) return std::move(view).error();
  return parsed(*view);
}

Result<json::value> fetch(const Common& common, const std::string& path,
                          const std::string& local_root, bool* was_local) {
  constexpr int64_t kTimeoutMs = 30'000;
  auto view_here = [&] {
    if (was_local) *was_local = true;
    return view_folder(common, path, local_root);
  };
  if (common.server == "none" && !local_root.empty()) return view_here();
  auto client = Client::connect(common.server, common.token, kTimeoutMs);
  if (!client) {
    if (local_root.empty() || common.server_given) return std::move(client).error();
    return view_here();
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
