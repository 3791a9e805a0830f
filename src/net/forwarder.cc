#include "net/forwarder.h"

#include <algorithm>

#include "net/dial.h"
#include "net/listener.h"
#include "net/tunnel.h"

namespace trivet::net {
namespace {

std::string text_of(const sandbox::NetRule& to) {
  return Address{Address::Kind::kTcp, to.host, to.port}.text();
}

struct Counted {
  explicit Counted(int64_t& a, int& b, int& c) : one(a), two(b), three(c) {
    ++one;
    ++two;
    ++three;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() {
    --one;
    --two;
    --three;
  }
  int64_t& one;
  int &two, &three;
};

}  // namespace

// One door of one worker.
struct Forwarder::Gate {
  sandbox::Door door;
  std::unique_ptr<Listener> listener;
  Instant quiet_until{};  // no line about it before
  int64_t untold = 0;
};

struct Forwarder::Worker {
  Worker(loop::Loop& loop, std::string f, int p, Traffic& t)
      : function(std::move(f)), pid(p), traffic(t), connections(loop) {}
  std::string function;
  int pid;
  Traffic& traffic;
  int open = 0;
  std::vector<std::unique_ptr<Gate>> gates;
  loop::Scope connections;
};

void Traffic::add(const Traffic& other) {
  connections += other.connections;
  open += other.open;
  refused += other.refused;
  failed += other.failed;
  bytes_out += other.bytes_out;
  bytes_in += other.bytes_in;
}

Forwarder::Forwarder(loop::Loop& loop, Resolver& resolver, LogSink& log, const Clock& clock)
    : Forwarder(loop, resolver, log, clock, Settings{}) {}

Forwarder::Forwarder(loop::Loop& loop, Resolver& resolver, LogSink& log, const Clock& clock,
                     Settings settings)
    : loop_(loop),
      resolver_(resolver),
      log_(log),
      clock_(clock),
      settings_(settings),
      destinations_(settings.reach, is_this_host),
      ending_(loop) {}

Forwarder::~Forwarder() = default;

Forwarder::Passage::Passage(Forwarder& forwarder, std::unique_ptr<Worker> worker)
    : forwarder_(forwarder), worker_(std::move(worker)) {}

Forwarder::Passage::~Passage() {
  for (auto& gate : worker_->gates) gate->listener.reset();
  if (worker_->connections.size() > 0)
    forwarder_.ending_.spawn(forwarder_.let_end(std::move(worker_)));
}

std::unique_ptr<Forwarder::Passage> Forwarder::open(const std::string& function, int pid,
                                                    std::vector<sandbox::Door> doors,
                                                    std::vector<os::Fd> sockets) {
  auto worker = std::make_unique<Worker>(loop_, function, pid, traffic_[function]);
  for (size_t i = 0; i < std::min(doors.size(), sockets.size()); ++i) {
    auto gate = std::make_unique<Gate>();
    gate->door = std::move(doors[i]);
    auto on_socket = [this, at = worker.get(), to = gate.get()](os::Fd socket) {
      on_connection(*at, *to, std::move(socket));
    };
    gate->listener = std::make_unique<Listener>(
        loop_, std::move(sockets[i]), [] { return true; }, std::move(on_socket));
    worker->gates.push_back(std::move(gate));
  }
  return std::unique_ptr<Passage>(new Passage(*this, std::move(worker)));
}

void Forwarder::on_connection(Worker& worker, Gate& gate, os::Fd socket) {
  std::string why;
  if (worker.open >= settings_.per_worker)
    why = "the worker has " + std::to_string(worker.open) + " connections already";
  else if (open_ >= settings_.in_all)
    why = "this host has " + std::to_string(open_) + " connections of functions already";
  if (why.empty()) return worker.connections.spawn(carry(worker, gate, std::move(socket)));
  ++worker.traffic.refused;
  tell(worker, gate, why);
  reset_when_closed(socket);
}

loop::Task<> Forwarder::carry(Worker& worker, Gate& gate, os::Fd inner) {
  Counted counted{worker.traffic.open, worker.open, open_};
  bool refused = false;
  auto outer = co_await reach(gate, refused);
  if (!outer) {
    ++(refused ? worker.traffic.refused : worker.traffic.failed);
    tell(worker, gate, outer.error().message);
    reset_when_closed(inner);
    co_return;
  }
  ++worker.traffic.connections;
  Tunnel tunnel{loop_, std::move(inner), std::move(*outer), settings_.idle, scratch_};
  tunnel.count_in({&worker.traffic.bytes_out, &worker.traffic.bytes_in});
  Tunnel::End end = co_await tunnel.run();
  if (end == Tunnel::End::kIdle) tell(worker, gate, "nothing moved for too long");
}

// A connection to the gate's destination. `refused`: it was us who did not want to.
loop::Task<Result<os::Fd>> Forwarder::reach(const Gate& gate, bool& refused) {
  const sandbox::NetRule& to = gate.door.to;
  Resolver::Addresses found{to.host};
  if (!gate.door.is_literal) {
    auto resolved = co_await resolver_.resolve(to.host, after(loop_.now(), settings_.resolve));
    if (!resolved) co_return std::move(resolved).error();
    found = std::move(*resolved);
  }
  auto addresses = destinations_.admit(to.host, std::move(found));
  refused = !addresses.ok();
  if (refused) co_return std::move(addresses).error();
  auto socket = co_await reach_one_of(std::move(*addresses), to.port);
  co_return socket;
}

loop::Task<Result<os::Fd>> Forwarder::reach_one_of(Resolver::Addresses addresses, uint16_t port) {
  Error last{ErrorCode::kUnavailable, "it has no address"};
  for (std::string& address : addresses) {
    auto socket =
        co_await dial(loop_, std::move(address), port, after(loop_.now(), settings_.connect));
    if (socket) co_return socket;
    last = std::move(socket).error();
  }
  co_return last;
}

// One line for each destination of a worker in a while: a loop that connects must not fill the log.
void Forwarder::tell(Worker& worker, Gate& gate, const std::string& why) {
  if (loop_.now() < gate.quiet_until) {
    ++gate.untold;
    return;
  }
  LogLine line;
  line.time_ms = clock_.unix_ms();
  line.function = worker.function;
  line.level = LogLevel::kWarn;
  line.stream = LogStream::kHost;
  line.worker = worker.pid;
  line.message = "no connection to " + text_of(gate.door.to) + ": " + why;
  if (gate.untold > 0) line.message += " (" + std::to_string(gate.untold) + " more before)";
  gate.untold = 0;
  gate.quiet_until = loop_.now() + limits::kNetLogPause;
  log_.write(std::move(line));
}

loop::Task<> Forwarder::let_end(std::unique_ptr<Worker> worker) {
  co_await worker->connections.join(after(loop_.now(), settings_.linger));
}

}  // namespace trivet::net
