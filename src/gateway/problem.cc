#include "gateway/problem.h"

#include <charconv>

#include "wire/json.h"

namespace trivet::gateway {
namespace {

std::string detail(const Error& error, std::string_view wanted) {
  for (const auto& [key, value] : error.details)
    if (key == wanted) return value;
  return {};
}

// Details that are headers of the answer.
bool is_header_detail(std::string_view key) { return key == "retry_after_s" || key == "allow"; }

// Details whose values are numbers.
bool is_number_detail(std::string_view key) { return key == "exit_code"; }

}  // namespace

std::string problem_json(const Error& error, std::string_view call_id) {
  const ErrorTraits& row = traits(error.code);
  std::string out;
  wire::ObjectWriter writer{out};
  writer.text("type", "about:blank")
      .text("title", row.title)
      .number("status", int64_t{row.http_status});
  writer.text("detail", error.message).text("code", row.name).text("component", row.component);
  if (!error.hint.empty()) writer.text("hint", error.hint);
  if (!call_id.empty()) writer.text("call_id", call_id);
  for (const auto& [key, value] : error.details) {
    if (is_header_detail(key)) continue;
    if (is_number_detail(key))
      writer.raw(key, value);
    else
      writer.text(key, value);
  }
  writer.close();
  out.push_back('\n');
  return out;
}

Error wrong_method(const net::Request& request, std::string allow) {
  Error error{ErrorCode::kMethodNotAllowed,
              std::string{request.method} + " is not served at " + std::string{request.path},
              "use " + allow};
  error.details.emplace_back("allow", std::move(allow));
  return error;
}

loop::Task<Status> reply_problem(net::Exchange& exchange, Error error, std::string call_id) {
  net::ReplyHeaders headers{{"content-type", "application/problem+json"}};
  if (call_id.empty()) call_id = exchange.own("x-call-id");
  std::string retry_after = detail(error, "retry_after_s"), allow = detail(error, "allow");
  if (retry_after.empty() &&
      (error.code == ErrorCode::kCircuitOpen || error.code == ErrorCode::kUnavailable))
    retry_after = "1";
  if (!retry_after.empty()) headers.emplace_back("retry-after", retry_after);
  if (!allow.empty()) headers.emplace_back("allow", allow);
  if (error.code == ErrorCode::kUnauthorized) headers.emplace_back("www-authenticate", "Bearer");
  std::string body = problem_json(error, call_id);
  co_return co_await exchange.reply(traits(error.code).http_status, headers, body);
}

}  // namespace trivet::gateway
