#include "net/http_server.h"

#include <unistd.h>

#include "net/connection.h"
#include "net/listener.h"

namespace trivet::net {

namespace {

Door door_of(const Address& address) {
  if (address.kind == Address::Kind::kUnix) return Door::kUnix;
  return address.is_loopback() ? Door::kLoopback : Door::kNetwork;
}

}  // namespace

HttpServer::HttpServer(loop::Loop& loop, HttpHandler& handler, HttpOptions options)
    : loop_(loop), handler_(handler), options_(options), scope_(loop) {}

HttpServer::~HttpServer() {
  stop_accepting();
  scope_.cancel();
}

Result<Address> HttpServer::listen(Address address, Sharing sharing) {
  auto fd = listen_on(address, sharing);
  if (!fd) return std::move(fd).error();
  if (address.kind == Address::Kind::kUnix) socket_files_.push_back(address.host);
  add_listener(std::move(*fd), door_of(address));
  return address;
}

Result<Address> HttpServer::adopt(os::Fd listening) {
  if (Status fit = make_listening(listening); !fit) return std::move(fit).error();
  Address address = address_of(listening);
  add_listener(std::move(listening), door_of(address));
  return address;
}

void HttpServer::add_listener(os::Fd socket, Door door) {
  listeners_.push_back(std::make_unique<Listener>(
      loop_, std::move(socket), [this] { return scope_.size() < options_.max_connections; },
      [this, door](os::Fd fd) {
        scope_.spawn(Connection::serve(*this, std::move(fd), door, {}));
      }));
}

void HttpServer::take_over(os::Fd connection, Door door, std::string unread) {
  loop_.post([this, door, fd = std::make_shared<os::Fd>(std::move(connection)),
              unread = std::move(unread)]() mutable {
    scope_.spawn(Connection::serve(*this, std::move(*fd), door, std::move(unread)));
  });
}

// A connection ends.
void HttpServer::on_room() {
  for (auto& listener : listeners_) listener->resume();
}

void HttpServer::stop_accepting() {
  listeners_.clear();
  for (const auto& file : socket_files_) unlink(file.c_str());
  socket_files_.clear();
}

loop::Task<> HttpServer::drain(Instant deadline) {
  draining_ = true;
  stop_accepting();
  for (loop::Link* at = connections_.next; at != &connections_;) {
    auto* connection = static_cast<Connection*>(at);
    at = at->next;
    connection->close_when_idle();
  }
  co_await scope_.join(deadline);
  scope_.cancel();
}

}  // namespace trivet::net
