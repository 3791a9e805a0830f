#pragma once
// HTTP/1.1 messages out of bytes; no I/O. Beast parses heads, http_parser.cc is the only place that
// knows it; chunked bodies are taken apart by chunked.h.
//
// The head of a message is parsed in one piece, once its last line has come; a body is taken in
// pieces. What could be read in two ways is refused: both lengths, several lengths, folded lines, a
// bare line feed, an unknown transfer coding, no or two Hosts.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"

namespace trivet::net {

struct Header {
  std::string_view name, value;  // the name is lower-case
};

// A parsed head. Views point into the parser: valid until it begins the next message.
struct MessageHead {
  std::string_view method, target, path, query;  // requests
  int status = 0;                                // responses
  std::span<const Header> headers;
  bool keep_alive = true;
  bool chunked = false;
  bool expects_continue = false;
  std::optional<uint64_t> content_length;
  int version_minor = 1;

  std::optional<std::string_view> header(std::string_view lower_name) const;
};

// What was wrong and the status to answer with (400, 408, 414, 431, 501, 505).
struct HttpFault {
  int status = 400;
  std::string message;
};

enum class MessageKind { kRequest, kResponse };

class HttpParser {
 public:
  explicit HttpParser(MessageKind kind);
  ~HttpParser();
  HttpParser(HttpParser&&) noexcept;

  // Length of the head at the front of `bytes`, its empty line included; 0 when it is not whole
  // yet. `seen` bytes were looked at before and need not be again.
  static size_t head_length(std::string_view bytes, size_t seen = 0);
  // What is wrong already with the beginning of a request that is not whole yet.
  static std::optional<HttpFault> early_fault(std::string_view bytes);
  // Parses exactly one head and makes ready for its body. nullopt: fine.
  std::optional<HttpFault> parse_head(std::string_view head);
  const MessageHead& head() const;
  // Forgets the message: head() is empty, there is no body.
  void reset();

  // The body. Takes what it can of `bytes`, appends decoded bytes to `out`, says how many it took;
  // the rest must be passed again with more behind it. Call until body_done(). A response without a
  // length ends with the connection: body_done() never becomes true.
  Result<size_t> take_body(std::string_view bytes, std::string& out);
  bool body_done() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace trivet::net
