#pragma once
// HTTP as a client of object stores, over libcurl, which is loaded at the first use. TLS is
// verified; proxies come from the usual variables; no redirect is followed. Blocks: for a process
// of its own.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sigv4.h"

namespace trivet::store {

// How long to wait for what.
struct Patience {
  std::chrono::milliseconds connect{3'000};
  std::chrono::milliseconds stall{10'000};   // without a byte in either direction
  int tries = 3;                             // of each request
  std::chrono::milliseconds pause{100};      // before the second; twice as long before each other
  std::chrono::milliseconds within{10'000};  // after that long there is no other try
};

struct HttpRequest {
  std::string method, url;
  Pairs headers{};
  std::string body{};  // or
  int from = -1;       // `size` bytes of this file from `offset` on
  uint64_t offset = 0, size = 0;
  int to = -1;  // where the body of an answer of 2xx goes, from its beginning
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string, std::less<>> headers;  // lower-case names
  std::string body;                                         // unless it went to a file
};

class Http {
 public:
  // `ca_file`: of certificates to trust instead of the system's; may be empty. kUnavailable without
  // libcurl.
  static Result<std::unique_ptr<Http>> open(const std::string& ca_file, const Patience& patience);
  virtual ~Http() = default;
  // Any status is an answer. kUnavailable with curl's words when there is none: what may be tried
  // again; kIo when the file cannot be written; kInvalidRequest when it never will succeed.
  virtual Result<HttpAnswer> send(const HttpRequest& request) = 0;
};

}  // namespace trivet::store
