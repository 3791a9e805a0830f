#pragma once
// Port: calls as terms in packets on two descriptors, for a peer that started this host as its
// external program. request.h has what can be asked, etf_json.h how values are shown.
//
//   {reply, Id, {ok, Value} | {error, Reason}}       to everything that has an Id
//   {error, Id | undefined, {bad_request, Why}}      to what is no request
//   {log, Line}                                      when asked for: a map
//
// Reason is timeout (the caller's TimeoutMs passed), worker_timeout (the pool's limit passed),
// not_found (no such pool), already_started, or {Class, Facts}: the error's code in lower case and
// a map with at least `message`. Any number of calls may be in flight; each is answered once.

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "catalog/function.h"
#include "gateway/port/packets.h"
#include "gateway/port/request.h"
#include "gateway/views.h"
#include "loop/scope.h"

namespace trivet::gateway {

// What the port needs of the host besides the dispatcher.
struct PortHost {
  std::function<loop::Task<Status>(catalog::FunctionSpec)> add_function;
  std::function<bool(const std::string&)> remove_function;
};

class Port {
 public:
  Port(loop::Loop& loop, ViewSources sources, PortHost host, int in, int out);
  // Until the end of the input, and then until every call has been answered, at most for
  // `patience`: calls that are left are cancelled. kInvalidRequest when what comes is not packets.
  loop::Task<Status> serve(Duration patience);
  // A line that a function logged, as JSON.
  void log(std::string_view json);

 private:
  void take(std::string_view packet);
  void refuse(const std::optional<wire::Term>& id, const Error& error);
  void reply(const wire::Term& id, wire::Term result);
  void send(const wire::Term& term);
  loop::Task<> call(PortCall request);
  loop::Task<> start(PortStart request);
  loop::Task<> stop(PortStop request);
  void ping(const PortPing& request);
  loop::Task<> stats(PortStats request);

  loop::Loop& loop_;
  ViewSources sources_;
  PortHost host_;
  PacketReader in_;
  PacketWriter out_;
  struct Pool {
    explicit Pool(loop::Loop& loop, std::string f) : function(std::move(f)), known(loop) {}
    std::string function;  // that serves it
    loop::Event known;     // whether it could be started
    bool started = false;
  };
  using PoolPtr = std::shared_ptr<Pool>;
  // The pool, once it is known whether it could be started; nullptr when there is none by then.
  loop::Task<PoolPtr> find(std::string name, Instant due);
  std::map<std::string, PoolPtr, std::less<>> pools_;
  loop::Scope scope_;
};

}  // namespace trivet::gateway
