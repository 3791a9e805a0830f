#pragma once
// Launcher: the host's side of the small process that starts everything.
//
// The host never forks. Its launcher is a program of its own, a few hundred KiB, started once and
// before anything else; it starts workers, has zygotes fork, adopts every orphan, and says how each
// child ended. When the host dies it kills all that is left; when it dies, the kernel kills its
// children and the host hears of it here. All on the loop's thread.

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launcher/messages.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "os/spawn.h"
#include "sandbox/doors.h"

namespace trivet::launcher {

// Names a child from its start to its end; 0 is none.
using Ticket = uint32_t;

// How a child ended, and what it used.
struct Exit {
  os::ExitStatus status;
  std::string not_started;  // why there never was a process; else empty
  Duration user{}, system{};
  int64_t max_rss_bytes = 0;
  enum class Cause {
    kItself,       // by itself, or because it was told to
    kOutOfMemory,  // the kernel ended it for want of memory
    kZygote,       // its zygote ended
    kLauncher,     // the launcher ended
  } cause = Cause::kItself;
};

// Hears of one child. Must unregister with abandon() before it dies, unless on_exit has been
// called.
class ChildObserver {
 public:
  virtual void on_started(pid_t pid) = 0;
  virtual void on_exit(const Exit& exit) = 0;  // the last word; may destroy the observer
  // What assign() has come to; `why_not` is empty when it was done.
  virtual void on_assigned(const std::string& why_not) { (void)why_not; }
  // Its sandbox has doors to these destinations, in the order of the sockets (sandbox/doors.h).
  virtual void on_doors(std::vector<sandbox::NetRule> net, std::vector<os::Fd> sockets) {
    (void)net, (void)sockets;
  }

 protected:
  ~ChildObserver() = default;
};

// Carries on what is connected to the doors of sandboxes.
class Doorkeeper {
 public:
  class Keeping {  // to be dropped when all that is inside has ended
   public:
    virtual ~Keeping() = default;
  };
  virtual std::unique_ptr<Keeping> keep(const std::string& function, pid_t worker,
                                        std::vector<sandbox::Door> doors,
                                        std::vector<os::Fd> sockets) = 0;

 protected:
  ~Doorkeeper() = default;
};

// What to start: a program, or the fork of a zygote.
struct Launch {
  os::SpawnPlan spawn;     // with a zygote, only the descriptors 0 to 4, in that order
  Ticket zygote = 0;       // fork this one
  bool is_zygote = false;  // it will be forked: gets a control socket as its descriptor 5
  // How it is confined. A fork of a runtime's zygote has its zygote's level; a blank one is told
  // the rest by assign().
  sandbox::Policy policy = sandbox::at_level(sandbox::Level::kTrusted);
  bool is_blank = false;
};

class Launcher final : private loop::IoHandler {
 public:
  explicit Launcher(loop::Loop& loop) : loop_(loop), begun_(loop), ended_(loop), scope_(loop) {}
  ~Launcher();  // ends the launcher and with it all children; returns when they are gone

  // Starts the launcher. kIo when it cannot be started.
  Status open();

  // Begins a start. Nothing has happened yet when this returns: the observer is told of success and
  // of failure. The descriptors of the plan may be closed at once. The child carries a cookie,
  // "TRIVET_WORKER=...", in its environment: it marks what it starts.
  Ticket start(Launch launch, ChildObserver& observer);
  // A blank child belongs to a function from now on: it is shown the function's files and has its
  // limits. Its observer is told when that is done.
  void assign(Ticket child, sandbox::Policy policy);
  // What every sandbox sees besides the system's programs: absolute paths. From now on some
  // sandboxes are made ahead.
  void show(std::vector<std::string> paths);
  // And this one, from now on.
  void show_also(const std::string& path);
  // What this machine can confine with, tried by the launcher, which starts nothing meanwhile (a
  // tenth of a second). kUnavailable: the launcher has ended or did not answer in time.
  loop::Task<Result<std::vector<sandbox::Layer>>> layers();
  // Which limits of memory, processors and processes can be enforced here. It waits for the
  // launcher to have begun, some milliseconds after open(); none when it has ended before.
  loop::Task<std::vector<sandbox::Layer>> limits();
  const std::vector<sandbox::Layer>& limits_now() const { return limits_; }  // as far as is known
  // SIGKILL to the child and to everything that it started.
  void kill(Ticket child);
  // The same, and nobody listens any more.
  void abandon(Ticket child);

  // Who keeps the doors of what is started here; outlives the children. Without one nobody answers
  // there.
  void set_doorkeeper(Doorkeeper* keeper) { doorkeeper_ = keeper; }
  Doorkeeper* doorkeeper() const { return doorkeeper_; }

  pid_t pid() const { return child_.pid; }
  // Set when the launcher has ended, though nobody asked it to: nothing can be started any more.
  loop::Event& ended() { return ended_; }

 private:
  struct Unsent {
    Message message;
    std::vector<os::Fd> fds;
  };
  void on_io(uint32_t events) override;
  void hear();
  void post(Message message, const std::vector<int>& fds);
  void flush();
  void tell(Parcel& parcel);
  void on_gone();
  void post_shown();
  loop::Task<> refuse_soon();
  std::string cookie_prefix() const;

  loop::Loop& loop_;
  os::Child child_;
  os::Fd socket_;
  uint32_t events_ = 0;
  std::map<Ticket, ChildObserver*> observers_;
  struct Probe {
    explicit Probe(loop::Loop& loop) : done(loop) {}
    loop::Event done;
    std::optional<std::vector<sandbox::Layer>> layers;
  };
  std::map<Ticket, std::shared_ptr<Probe>> probes_;
  std::vector<sandbox::Layer> limits_;
  loop::Event begun_;
  std::deque<Unsent> unsent_;
  Doorkeeper* doorkeeper_ = nullptr;
  std::vector<std::string> shown_;
  std::set<std::string> also_shown_;
  Ticket next_ = 1;
  loop::Event ended_;
  loop::Scope scope_;
};

}  // namespace trivet::launcher
