#pragma once
// Blank: a process that speaks the frame and has not been given a function yet, or the fork of a
// zygote that has loaded one.
//
// How it came to be - started as a program, forked from a zygote, kept as a spare - is all the same
// to the worker that is made of it.

#include <memory>

#include "worker/process.h"

namespace trivet::worker {

struct Blank {
  std::unique_ptr<Process> process;
  os::Fd to, from;         // its descriptors 3 and 4, our ends
  os::Fd input;            // its stdin, when it was asked for
  bool is_loaded = false;  // it needs no LOAD: it is the fork of a zygote that had one
  bool is_blank = false;   // it must be assigned to its function before LOAD
};

// What to start: a program with its environment and folder, or the fork of a zygote.
struct BlankPlan {
  std::string function;  // who its output belongs to, for now
  std::vector<std::string> argv, env;
  std::string dir = "/";
  launcher::Ticket zygote = 0;
  bool is_zygote = false;
  bool is_loaded = false;
  bool has_stdin = false;  // a pipe; else it is empty
  sandbox::Policy policy = sandbox::at_level(sandbox::Level::kTrusted);
  bool is_blank = false;  // the policy is but a level: assign() follows
};

// Begins the start. A failure to start is told to `ended`, like an end. kIo when there are no more
// descriptors.
Result<Blank> start_blank(const Process::Surroundings& around, BlankPlan plan,
                          std::function<void(Process&)> ended);

}  // namespace trivet::worker
