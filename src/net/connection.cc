#include "net/connection.h"

#include "wire/json.h"

namespace trivet::net {
namespace {

constexpr int kRequestsPerTurn = 32;  // of one client that sends ahead, before others get a turn
constexpr auto kIdleTrim = 1s;        // an idle connection gives its memory back then
constexpr auto kLinger = 1s;
constexpr size_t kLingerMost = 4 * limits::kMiB;

ErrorCode code_of(int status) {
  switch (status) {
    case 413:
    case 414:
    case 431:
      return ErrorCode::kPayloadTooLarge;
    case 500:
      return ErrorCode::kInternal;
    case 501:
    case 505:
      return ErrorCode::kNotSupported;
    default:
      return ErrorCode::kInvalidRequest;
  }
}

std::string problem(const HttpFault& fault) {
  const ErrorTraits& row = traits(code_of(fault.status));
  std::string out;
  wire::ObjectWriter writer{out};
  writer.text("type", "about:blank")
      .text("title", row.title)
      .number("status", int64_t{fault.status})
      .text("detail", fault.message)
      .text("code", row.name)
      .text("component", "gateway");
  writer.close();
  return out + "\n";
}

}  // namespace

Connection::Connection(HttpServer& server, os::Fd fd, Door door, std::string_view unread)
    : server_(server),
      door_(door),
      stream_(server.loop_, std::move(fd), unread),
      changed_(server.loop_),
      closing_(server.draining_) {
  server_.connections_.append(*this);
  stream_.tell_hang_up(&changed_);
}

Connection::~Connection() { server_.on_room(); }

loop::Task<> Connection::serve(HttpServer& server, os::Fd fd, Door door, std::string unread) {
  HttpServer* elsewhere = nullptr;
  {
    Connection connection{server, std::move(fd), door, unread};
    co_await connection.run();
    elsewhere = connection.elsewhere_;
    unread = connection.stream_.unread();
    fd = connection.stream_.release();
  }
  if (elsewhere) elsewhere->take_over(std::move(fd), door, std::move(unread));
}

loop::Task<> Connection::run() {
  loop::Scope scope{loop()};
  scope.spawn(serve_requests());
  Instant patience = kNever;  // with a client that closed its side during request `since`
  size_t since = 0;
  while (scope.size() > 0) {
    bool told = co_await changed_.wait(patience);
    changed_.reset();
    if (scope.size() == 0) break;
    bool patient = patience != kNever && since == answered_;
    if (!handling_) {
      patience = kNever;
      continue;
    }
    Stream::Peer peer = stream_.peer();
    bool gone = peer == Stream::Peer::kGone || (patient && !told);
    if (gone) co_return;  // drops the handler
    if (peer == Stream::Peer::kThere || patient) continue;
    patience = after(loop().now(), options().half_close_grace);
    since = answered_;
  }
  if (linger_) co_await linger();
}

void Connection::close_when_idle() {
  closing_ = true;
  if (!idle_ || stream_.may_read()) return;
  stream_.end();  // wakes the read, which sees the end
}

loop::Task<> Connection::serve_requests() {
  for (int in_a_row = 0; !close_;) {
    Head head = read_head();
    if (head == Head::kWhole) {
      co_await answer();
      if (++in_a_row % kRequestsPerTurn == 0) co_await loop().sleep_until(Instant{});
    } else if (head == Head::kElsewhere) {
      break;
    } else if (head == Head::kRefused) {
      co_await refuse(std::move(fault_));
    } else {
      if (idle_ && closing_) break;
      bool more = co_await wait_for_more();
      if (!more) break;
    }
  }
  changed_.set();
}

// Parses the next head if all of it has come.
Connection::Head Connection::read_head() {
  while (idle_ && stream_.unread().starts_with("\r\n"))
    stream_.consume(2);  // RFC 9112 2.2: empty lines before a request
  std::string_view unread = stream_.unread();
  if (unread.empty() || unread == "\r") return Head::kPartial;
  size_t length = HttpParser::head_length(unread, seen_);
  if (length == 0) parser_.reset();
  auto fault =
      length == 0 ? HttpParser::early_fault(unread) : parser_.parse_head(unread.substr(0, length));
  if (fault) {
    fault_ = std::move(*fault);
    return Head::kRefused;
  }
  if (length == 0) {
    if (idle_) head_deadline_ = after(loop().now(), options().header_timeout);
    idle_ = false;
    seen_ = unread.size();
    return Head::kPartial;
  }
  elsewhere_ = server_.handler_.server_for(parser_.head());
  if (elsewhere_) return Head::kElsewhere;
  stream_.consume(length);
  seen_ = 0;
  idle_ = false;
  return Head::kWhole;
}

// More of the next request's head. false: the connection ends.
loop::Task<bool> Connection::wait_for_more() {
  Instant deadline = head_deadline_;
  if (idle_) {
    Instant now = loop().now();
    deadline = after(now, options().keep_alive);
    Instant trim = after(now, kIdleTrim);
    if (trim < deadline && !stream_.may_read()) {
      bool soon = co_await stream_.readable(trim);
      if (!soon) stream_.trim();
    }
  }
  Stream::Got got = co_await stream_.read(deadline);
  if (got == Stream::Got::kNothing && !idle_) {
    HttpFault fault{408, "the request's head did not come in time"};
    co_await refuse(std::move(fault));
  }
  co_return got == Stream::Got::kBytes;
}

// One request, from its head to the end of its body.
loop::Task<> Connection::answer() {
  close_ = !parser_.head().keep_alive || closing_;
  Exchange exchange{*this};
  handling_ = true;
  if (stream_.hung_up()) changed_.set();
  co_await server_.handler_.handle(exchange);
  handling_ = false;
  ++answered_;
  if (!exchange.replied_) {
    HttpFault fault{500, "the request was not answered"};
    co_await refuse(std::move(fault));
  } else if (!exchange.finished_) {
    close_ = true;
  }
  if (!close_ && !parser_.body_done()) {
    bool skipped = co_await skip_body();
    close_ = !skipped;
  }
  linger_ |= close_ && (!parser_.body_done() || !stream_.unread().empty());
  idle_ = true;
}

loop::Task<bool> Connection::skip_body() {
  std::string piece;
  for (size_t skipped = 0; !parser_.body_done(); skipped += piece.size()) {
    if (skipped > kSkipMost) co_return false;
    piece.clear();
    auto taken = take_body(piece);
    if (!taken) co_return false;
    if (*taken > 0) continue;
    Stream::Got got = co_await stream_.read(after(loop().now(), options().body_timeout));
    if (got != Stream::Got::kBytes) co_return false;
  }
  co_return true;
}

// What has come of the body, at most one piece of it; says how many bytes were used.
Result<size_t> Connection::take_body(std::string& piece) {
  auto taken = parser_.take_body(stream_.unread().substr(0, limits::kFrameChunk), piece);
  if (taken) stream_.consume(*taken);
  return taken;
}

loop::Task<Status> Connection::send(Stream::Parts parts) {
  Status sent = co_await stream_.send(parts, options().body_timeout);
  if (!sent) close_ = true;
  co_return sent;
}

// Our own answer to what cannot be served; the connection ends with it.
loop::Task<> Connection::refuse(HttpFault fault) {
  close_ = linger_ = true;
  Exchange exchange{*this};
  ReplyHeaders headers{{"content-type", "application/problem+json"}};
  std::string body = problem(fault);
  co_await exchange.reply(fault.status, headers, body);
}

// Closing while bytes come in makes the system reset the connection, and the client may lose our
// answer with it: first let it see the end and hear it out for a moment.
loop::Task<> Connection::linger() {
  stream_.end_sending();
  Instant deadline = after(loop().now(), kLinger);
  for (size_t heard = 0; heard < kLingerMost;) {
    stream_.consume(stream_.unread().size());
    Stream::Got got = co_await stream_.read(deadline);
    if (got != Stream::Got::kBytes) break;
    heard += stream_.unread().size();
  }
}

}  // namespace trivet::net
