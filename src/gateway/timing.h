#pragma once
// Server-Timing: where a call's time went.

#include <string>

#include "loop/loop.h"
#include "worker/call.h"

namespace trivet::gateway {

// "queue;dur=0.012, start;dur=0.000, run;dur=1.204", in milliseconds.
std::string server_timing(const worker::Timing& timing);

// From its making to the outcome of a call.
class CallTimer {
 public:
  explicit CallTimer(const loop::Loop& loop) : loop_(loop), begin_(loop.now()) {}
  Duration elapsed() const { return loop_.now() - begin_; }
  // A reply knows its times. An error does not: all its time counts as that of the phase in which
  // such a call ends.
  std::string header(const Result<worker::Reply>& outcome) const;

 private:
  const loop::Loop& loop_;
  Instant begin_;
};

}  // namespace trivet::gateway
