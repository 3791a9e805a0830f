#pragma once
// Sharing: artifacts from and to a store that hosts share (store/remote.h).
//
// Each transfer is a process of its own, which the launcher starts: what hangs, or is hostile, does
// not touch the host. A call waits for a store no longer than it takes to find out that it is away;
// from then on it is left alone for a while. What was built is sent behind the calls' backs, one
// artifact at a time; what could not be sent is tried again after the next build.

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/log.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "worker/process.h"

namespace trivet::builder {

// The program that is asked, with verbs as the command line has them: `PROGRAM cache pull ...`.
struct SharingSettings {
  std::string url;      // empty: nothing is shared
  std::string program;  // empty: trivet, by PATH
};

class Sharing {
 public:
  struct Surroundings {
    loop::Loop& loop;
    const Clock& clock;
    launcher::Launcher& launcher;
    std::function<void(const std::string& function, LogLevel level, std::string text)> say;
  };
  Sharing(Surroundings around, std::string cache_dir, SharingSettings settings)
      : around_(std::move(around)),
        cache_(std::move(cache_dir)),
        settings_(std::move(settings)),
        idle_(around_.loop),
        scope_(around_.loop) {
    idle_.set();
  }

  // Whether to ask it at all now.
  bool is_awake() const { return !settings_.url.empty() && around_.loop.now() >= rests_until_; }
  const std::string& url() const { return settings_.url; }

  enum class Pulled {
    kIt,
    kNothing,  // it has not got it, or is away
    kRefused,  // what it has is not what it should be
  };
  // Into the cache. `function`: on whose behalf, for the log. Dropped, the transfer is ended.
  loop::Task<Pulled> pull(std::string function, std::string key, uint64_t max_bytes,
                          Duration time_left);
  // In the background, with what is still to be sent. `replaces`: even if the store has it.
  void push(std::string function, std::string key, bool replaces);
  // false: something was still on its way at the deadline.
  loop::Task<bool> settled(Instant deadline);

 private:
  struct Parcel {
    std::string function, key;
    bool replaces = false;
  };
  struct Outcome {
    int code = -1;  // of the process; < 0: it did not end by itself
    std::string words;
  };
  struct Deaf final : LogSink {  // what a transfer prints is said in our words
    void write(LogLine) override {}
  };
  loop::Task<Outcome> transfer(std::vector<std::string> words, Duration most);
  loop::Task<> push_all();

  Surroundings around_;
  std::string cache_;
  SharingSettings settings_;
  Deaf deaf_;
  Instant rests_until_{};
  std::deque<Parcel> parcels_;
  std::string last_failure_;  // that was said
  loop::Event idle_;          // nothing is being pushed
  loop::Scope scope_;
};

}  // namespace trivet::builder
