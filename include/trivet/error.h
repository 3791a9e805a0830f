#pragma once
// Every failure in trivet is an Error: a closed code, a sentence for the person who reads it, and
// facts.
//
// The code decides what programs see (HTTP status, exit code, metric label: one table, error.cc).
// The message says what happened and where; the hint says what to do next. Details are facts in
// print order, such as
// {"exit_code","3"}, {"signal","SIGSEGV"}, {"stderr","..."}: they become members of problem+json.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trivet {

enum class ErrorCode {
  kFunctionNotFound,     // no function of that name in the snapshot
  kNotFound,             // no such route, call, file
  kMethodNotAllowed,     // the route exists, the method does not
  kInvalidRequest,       // the HTTP request or the command cannot be understood
  kInvalidInput,         // the function's input is not what its interface takes
  kInvalidManifest,      // a manifest is wrong: line and column are in the message
  kNotSupported,         // known and parsed, but not available in this version
  kPayloadTooLarge,      // a body, header block or frame over its limit
  kUnauthorized,         // no token, or a wrong one
  kForbidden,            // the wrong scope, user, or web page
  kOverloaded,           // queue full or queue deadline passed: try again later
  kCircuitOpen,          // the function failed too often: refused until the cool-down ends
  kRuntimeNotAvailable,  // the language's toolchain is missing
  kBuildFailed,          // a build step failed: its last lines are in the details
  kLoadFailed,           // user code did not load: import error, syntax error, handler missing
  kFunctionError,        // user code threw, or returned an error
  kFunctionCrashed,      // the worker died during the call
  kFunctionTimeout,      // the deadline passed; the worker was cancelled or killed
  kInvalidOutput,        // the reply cannot be serialised, or broke the protocol
  kCancelled,            // the caller went away
  kLoopDetected,         // functions call functions too deep: most likely in a circle
  kUnavailable,          // the host is draining, or a service it needs is away
  kIo,                   // the operating system refused: errno text is in the message
  kInternal,             // a bug in trivet
};

// One row of the table below. `name` is stable: it is the `code` of problem+json and the metric
// label.
struct ErrorTraits {
  std::string_view name;  // "FUNCTION_NOT_FOUND"
  int http_status;        // 404
  int exit_code;          // INTERFACES: 3 function error, 4 not found, 124 timed out, ...
  std::string_view
      component;           // who failed: gateway, catalog, runtime, builder, pool, function, host
  std::string_view title;  // short human title, the same for every occurrence
};

// The only place where a code is given a meaning outside the program.
const ErrorTraits& traits(ErrorCode code);

// The code with that stable name ("FUNCTION_ERROR"); kInternal when there is none.
ErrorCode code_from_name(std::string_view name);

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;
  std::vector<std::pair<std::string, std::string>> details;

  Error(ErrorCode c, std::string m, std::string h = {})
      : code(c), message(std::move(m)), hint(std::move(h)) {}

  Error&& with(std::string key, std::string value) && {
    details.emplace_back(std::move(key), std::move(value));
    return std::move(*this);
  }
  // "CODE: message (hint)": for logs and terminals.
  std::string text() const;
};

// An Error of code kIo: "<what>: <text of errno>".
Error io_error(std::string_view what, int errno_value);

}  // namespace trivet
