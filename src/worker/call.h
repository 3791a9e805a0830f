#pragma once
// Call and Reply: one invocation, in and out, whatever way it came in.
//
// Both are values that belong to one loop thread. A body is either whole (the string) or goes on in
// a stream; streams are pulled, so a slow receiver slows the sender.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "loop/task.h"

namespace trivet::worker {

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Pieces of a body in order; an empty piece is the end. Dropping a stream before its end abandons
// it.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  virtual loop::Task<Result<std::string>> next() = 0;
};

// What interfaces that see the request are given besides the body.
struct RequestHead {
  std::string method = "POST";
  std::string path = "/";
  std::string query;  // raw, without '?'
  std::string scheme = "http";
  std::string host;
  std::string client;  // "127.0.0.1:51234", "unix"; empty when nobody called by HTTP
  HeaderList headers;  // lower-case names, in order
};

// What a call of the interface `module` is about.
struct Target {
  std::string module, function;
};

struct Call {
  std::string id;
  std::string function;
  std::string input;                   // the body, or its beginning when `rest` is set
  std::unique_ptr<BodyStream> rest;    // the rest of the body
  std::optional<RequestHead> request;  // when it came as HTTP
  std::optional<Target> target;        // when it names a module and a function in it
  std::string auth;                    // a JSON object, or empty: nobody is known
  std::string public_url;      // of this host, for one-shot functions that call back; may be empty
  std::string internal_token;  // likewise
  // What a call that a function made inherits from the call that made it.
  std::string parent;       // its id; empty: the call came from outside
  std::string parent_name;  // its function
  int depth = 0;            // how many calls it is nested in
  Instant latest =
      kNever;  // its deadline is not later than this, nor does it wait longer for a worker
  Instant deadline = kNever;  // set by the dispatcher when the function starts to run
  int64_t deadline_unix_ms = 0;
};

// Where the time went. start is zero when a warm worker took the call.
struct Timing {
  Duration queue{}, start{}, run{};
};

struct Reply {
  int status = 200;
  HeaderList headers;                // as the function set them
  std::string body;                  // whole, or its beginning when `rest` is set
  std::unique_ptr<BodyStream> rest;  // holds the worker until it ends
  Timing timing;
};

// Takes in the rest of a streamed reply, until it is whole. The error that it ended with.
loop::Task<Status> gather(Reply& reply);

}  // namespace trivet::worker
