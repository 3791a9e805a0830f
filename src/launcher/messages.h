#pragma once
// What the host and its launcher say to each other, over one socket pair (SOCK_SEQPACKET: a message
// is whole or not there). Both ends come from one build, so there is no version.
//
// A ticket names one child, from its start to its end; it is the host's choice and never used
// again. Descriptors travel beside the message. A message too long for the socket travels in a
// memory file whose descriptor comes last.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sandbox/policy.h"

namespace trivet::launcher {

// Names layers that are left out, for tests: comma-separated. They show as not active.
inline constexpr const char* kWithoutLayer = "TRIVET_WITHOUT_LAYER";

enum class Kind : uint8_t {
  // host to launcher
  kStart = 1,   // run a program
  kFork = 2,    // have a zygote fork
  kKill = 3,    // end the child and all it started
  kAssign = 4,  // a blank child belongs to a function from now on: its policy
  kRoot = 5,    // `argv`: paths that every sandbox sees
  kProbe = 6,   // which layers are there?
  // launcher to host
  kStarted = 65,
  kExited = 66,    // the last word about a ticket
  kAssigned = 67,  // `not_started`: why it cannot be
  kLayers = 68,    // ticket 0: those of control groups alone, when it begins
  kDoors = 69,     // beside it: sockets that listen in the child's sandbox, for `policy.net`
};

struct Message {
  Kind kind = Kind::kKill;
  uint32_t ticket = 0;

  // kStart, kFork. The descriptors beside it become `targets` in the child.
  bool is_zygote = false;  // it takes FORKs: gets a control socket as its descriptor 5
  int tries = 0;           // here: shells that ended under it
  bool is_blank = false;   // its function is not known yet: kAssign follows
  sandbox::Policy policy = sandbox::at_level(sandbox::Level::kTrusted);  // kAssign too
  std::string cookie;   // "TRIVET_WORKER=...": marks what the child starts
  uint32_t zygote = 0;  // kFork: whose child it becomes
  std::string cwd;      // kStart, as the rest
  std::vector<std::string> argv, env;
  std::vector<int32_t> targets;

  int32_t pid = 0;  // kStarted

  // kExited.
  std::string not_started;  // why there never was a child; else empty
  int32_t code = -1, signal = 0;
  int64_t user_us = 0, system_us = 0, max_rss_kib = 0;
  bool out_of_memory = false;  // the kernel ended it for want of memory
  bool with_zygote = false;    // it ended because its zygote did

  std::vector<sandbox::Layer> layers;  // kLayers
};

std::string encode(const Message& message);
// kInvalidInput when the bytes are not a message.
Result<Message> decode(std::string_view bytes);

struct Parcel {
  Message message;
  std::vector<os::Fd> fds;
};

// Sends one message. `false`: the socket is full, nothing was sent. kIo when the other side is
// gone.
Result<bool> send(int socket, const Message& message, const std::vector<int>& fds);
enum class Received { kParcel, kNothing, kEnd };
// Takes one message; kNothing when there is none now (a non-blocking socket).
Result<Received> receive(int socket, Parcel& parcel);

// Messages between a launcher and its zygotes are frames (docs/formats/frame.md), one per packet.
// FORK: call = ticket, body = "worker|zygote COOKIE", beside it the child's descriptors 0 to 4 (and
// 5). FORKED: body = the pid, or what went wrong. REAP: body = a pid; REAPED: body = "code signal
// user_us system_us max_rss_kib". JOINED comes from a fork itself, by the fork guard (sandbox/):
// body = "its pid as it sees it, its shell, what went wrong or nothing".
inline constexpr uint8_t kFrameFork = 7, kFrameReap = 10, kFrameForked = 72, kFrameReaped = 73,
                         kFrameJoined = 75;
struct ControlFrame {
  uint8_t type = 0;
  uint32_t ticket = 0;
  std::string body;
};
std::string encode_control(const ControlFrame& frame);
Result<ControlFrame> decode_control(std::string_view packet);

// One packet with descriptors; raw. False when it was not sent whole.
bool send_packet(int socket, std::string_view bytes, const std::vector<int>& fds);

}  // namespace trivet::launcher
