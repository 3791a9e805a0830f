// Serves calls: one thread reads at a time, and runs the call that it has read.
//
// To hand each call to another thread costs as much as all the rest. So the reader runs the call itself, and a watcher that looks once a millisecond gives
// the reading to another thread when a call takes longer: for CANCEL, and for other calls. The watcher sleeps when no call comes.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>

#include "trivet.hpp"

namespace trivet {

// docs/formats/frame.md
enum : std::uint8_t { kLoad = 1, kCall, kChunk, kCancel, kPing, kAnswer, kDrain = 8, kCredit, kHello = 65, kReady, kReply, kError, kLog, kPong, kAsk };
constexpr int kIn = 3, kOut = 4;
constexpr std::size_t kHeader = 16, kChunkMost = 64 << 10, kBuffer = 64 << 10, kMetaMost = 1 << 20, kTextMost = 64 << 10, kSpareMost = 16;

struct Frame {
  std::uint8_t kind = 0;
  bool more = false;
  std::uint32_t call = 0;
  std::string meta, body;
};

class Reader {
 public:
  bool next(Frame& frame) {
    if (!need(kHeader)) return false;
    std::size_t length = word(0) + 4, meta = word(12);
    frame.kind = static_cast<std::uint8_t>(buffer_[begin_ + 4]);
    frame.more = buffer_[begin_ + 5] & 1;
    frame.call = word(8);
    if (!need(length)) return false;
    frame.meta.assign(buffer_, begin_ + kHeader, meta);
    frame.body.assign(buffer_, begin_ + kHeader + meta, length - kHeader - meta);
    begin_ += length;
    if (begin_ == end_) {
      begin_ = end_ = 0;
      if (buffer_.size() > 4 * kBuffer) std::string(kBuffer, '\0').swap(buffer_);
    }
    return true;
  }

 private:
  std::uint32_t word(std::size_t at) const {
    auto byte = [this, at](std::size_t n) { return static_cast<std::uint32_t>(static_cast<unsigned char>(buffer_[begin_ + at + n])); };
    return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
  }
  // Makes sure that so many unread bytes are in the buffer.
  bool need(std::size_t size) {
    while (end_ - begin_ < size) {
      if (begin_) {
        std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
        end_ -= begin_;
        begin_ = 0;
      }
      if (buffer_.size() < size) buffer_.resize(size + kBuffer);
      ssize_t count = ::read(kIn, buffer_.data() + end_, buffer_.size() - end_);
      if (count == 0 || (count < 0 && errno != EINTR)) return false;
      if (count > 0) end_ += static_cast<std::size_t>(count);
    }
    return true;
  }
  std::string buffer_ = std::string(kBuffer, '\0');
  std::size_t begin_ = 0, end_ = 0;
};

// What user code has printed goes out before the reply does.
inline void flush() {
  std::cout.flush();
  std::fflush(nullptr);
}

struct Answer {
  Json meta;
  std::string body;
};

// A call in flight.
struct Flight {
  std::uint32_t id = 0;
  std::string meta, body;
  std::mutex mutex;
  std::condition_variable changed;
  bool cancelled = false, ended = false;               // guarded by mutex, as what follows
  std::size_t credit = 0;                              // bytes of a stream that may be sent
  std::map<std::uint64_t, std::optional<Answer>> asks;  // those that are waited for

  template <class F>
  void change(F how) {
    {
      std::lock_guard lock(mutex);
      how();
    }
    changed.notify_all();
  }
};

struct Worker {
  std::string function;
  Variables env;
  std::size_t credit = 0, max_frame = 0;
  std::int64_t concurrency = 1;
  Answering answering;
  std::atomic<std::uint64_t> asks{0};

  void write(std::uint8_t kind, std::uint32_t call, std::string_view meta, std::string_view body, bool more = false) {
    std::lock_guard lock(writing_);
    auto word = [this](std::size_t value) {
      for (int shift = 24; shift >= 0; shift -= 8) out_ += static_cast<char>(value >> shift & 0xff);
    };
    out_.clear();
    word(kHeader - 4 + meta.size() + body.size());
    out_ += static_cast<char>(kind);
    out_ += static_cast<char>(more);
    out_.append(2, '\0');
    word(call);
    word(meta.size());
    out_.append(meta).append(body);
    for (std::string_view left = out_; !left.empty();) {
      ssize_t count = ::write(kOut, left.data(), left.size());
      if (count < 0 && errno != EINTR) std::_Exit(1);  // the host is gone
      if (count > 0) left.remove_prefix(static_cast<std::size_t>(count));
    }
    if (out_.capacity() > 4 * kBuffer) std::string().swap(out_);
  }

  void load(std::string_view meta) {
    Json told = Json::parse(meta);
    const Json& facts = told;
    function = facts["function"].as_string();
    credit = facts["credit"].as_uint();
    max_frame = facts["max_frame"].as_uint();
    if (facts["concurrency"].is_number()) concurrency = facts["concurrency"].as_int();
    if (facts["env"].is_object())
      for (const auto& [name, value] : facts["env"].as_object()) {
        env[name] = value.as_string();
        setenv(name.c_str(), env[name].c_str(), 1);
      }
  }

  bool next(Frame& frame) { return reader_.next(frame); }

  // A thread's life: read and run, wait while others read, read again.
  void work() {
    for (;;) {
      read_and_run();
      std::unique_lock lock(spare_);
      if (waiting_ >= kSpareMost) return;
      waiting_++;
      wanted_.wait(lock, [this] { return wanted_count_ > 0; });
      wanted_count_--;
    }
  }

  // What a call does that is about to wait: its thread may be the one that reads.
  void before_waiting() { take_over(lent_.load()); }

 private:
  void read_and_run() {
    for (;;) {
      std::shared_ptr<Flight> flight;
      std::uint64_t number = 0;
      {
        std::lock_guard lock(reading_);
        while (!flight) {
          Frame frame;
          if (!next(frame)) end();
          flight = take(frame);
        }
        number = ++calls_;
      }
      lent_.store(number);
      if (asleep_.load()) wake_watcher();
      run(*flight, flight);
      if (!lent_.compare_exchange_strong(number, 0)) return;
    }
  }

  // Gives the reading to another thread, if it is lent to one that runs a call.
  void take_over(std::uint64_t number) {
    if (number == 0 || !lent_.compare_exchange_strong(number, 0)) return;
    std::lock_guard lock(spare_);
    if (waiting_ > 0) {
      waiting_--;
      wanted_count_++;
      wanted_.notify_one();
      return;
    }
    std::thread([this] { work(); }).detach();
  }

  void wake_watcher() {
    std::lock_guard lock(watching_);
    asleep_.store(false);
    if (!watched_) std::thread([this] { watch(); }).detach();
    watched_ = true;
    wake_.notify_one();
  }

  void watch() {
    // With one call at a time only CANCEL waits.
    auto tick = std::chrono::microseconds(concurrency == 1 ? 1000 : 200);
    constexpr int kQuietTicks = 20;
    std::uint64_t seen = 0;
    int quiet = 0;
    for (;;) {
      std::this_thread::sleep_for(tick);
      std::uint64_t now = lent_.load();
      if (now && now == seen) take_over(now);
      quiet = now ? 0 : quiet + 1;
      seen = now;
      if (quiet <= kQuietTicks) continue;
      quiet = 0;
      std::unique_lock lock(watching_);
      asleep_.store(true);
      wake_.wait(lock, [this] { return !asleep_.load() || lent_.load() != 0; });
      asleep_.store(false);
    }
  }

  [[noreturn]] void end() {
    std::unique_lock lock(flying_);
    landed_.wait(lock, [this] { return flights_.empty(); });
    flush();
    std::_Exit(0);
  }

  std::shared_ptr<Flight> begin(Frame& frame) {
    auto flight = std::make_shared<Flight>();
    flight->id = frame.call;
    flight->meta = std::move(frame.meta);
    flight->body = std::move(frame.body);
    flight->credit = credit;
    std::lock_guard lock(flying_);
    flights_[flight->id] = flight;
    return flight;
  }

  std::shared_ptr<Flight> find(std::uint32_t id) {
    std::lock_guard lock(flying_);
    auto found = flights_.find(id);
    return found == flights_.end() ? nullptr : found->second;
  }

  // Does what a frame asks for. A call that is whole is given back, to be run.
  std::shared_ptr<Flight> take(Frame& frame) {
    auto known = frame.kind == kCancel || frame.kind == kCredit || frame.kind == kAnswer ? find(frame.call) : nullptr;
    auto begun = unfinished_.find(frame.call);
    if (frame.kind == kCall) {
      if (!frame.more) return begin(frame);
      unfinished_[frame.call] = std::move(frame);
    } else if (frame.kind == kChunk && begun != unfinished_.end()) {
      begun->second.body += frame.body;
      if (!frame.more) {
        Frame whole = std::move(begun->second);
        unfinished_.erase(begun);
        return begin(whole);
      }
      write(kCredit, frame.call, "{\"bytes\":" + std::to_string(frame.body.size()) + "}", "");
    } else if (frame.kind == kCancel && begun != unfinished_.end()) {
      unfinished_.erase(begun);
      failed(frame.call, "CANCELLED", "the call was cancelled before its body was whole", "", "");
    } else if (frame.kind == kCancel && known) {
      known->change([&] { known->cancelled = true; });
    } else if (frame.kind == kCredit && known) {
      Json grant = Json::parse(frame.meta);
      known->change([&] { known->credit += std::as_const(grant)["bytes"].as_uint(); });
    } else if (frame.kind == kAnswer && known) {
      Json meta = Json::parse(frame.meta);
      known->change([&] {
        auto waits = known->asks.find(std::as_const(meta)["ask"].as_uint());
        if (waits != known->asks.end()) waits->second = Answer{std::move(meta), std::move(frame.body)};
      });
    } else if (frame.kind == kPing) {
      write(kPong, 0, "", frame.body);
    } else if (frame.kind == kDrain) {
      std::thread([this] { end(); }).detach();  // calls in flight may wait for frames yet
    }
    return nullptr;
  }

  void run(Flight& call, const std::shared_ptr<Flight>& flight) {
    Context context(*this, flight);
    last_thrown.count = 0;
    try {
      answering(context);
    } catch (const Failure& error) {
      failed(call, error.code, error.what(), "", "");
    } catch (const CallError& error) {
      bool loop = error.code == "LOOP_DETECTED";  // told as it is by each function that it passes through
      failed(call, loop ? "LOOP_DETECTED" : "FUNCTION_ERROR", loop ? error.message : error.what(), "trivet::CallError", stack_text());
    } catch (const std::exception& error) {
      failed(call, "FUNCTION_ERROR", error.what(), demangled(typeid(error).name()), stack_text());
    } catch (abi::__forced_unwind&) {
      throw;  // the thread is being ended
    } catch (...) {
      auto* type = abi::__cxa_current_exception_type();
      failed(call, "FUNCTION_ERROR", "something was thrown that is no std::exception", type ? demangled(type->name()) : "", stack_text());
    }
    call.change([&] { call.ended = true; });
    std::lock_guard lock(flying_);
    flights_.erase(call.id);
    if (flights_.empty()) landed_.notify_all();
  }

  void failed(Flight& call, const char* code, std::string_view message, const std::string& type, const std::string& stack) {
    bool cancelled = false;
    call.change([&] { cancelled = call.cancelled; });
    failed(call.id, cancelled && std::string_view(code) == "FUNCTION_ERROR" ? "CANCELLED" : code, message, type, stack);
  }

  void failed(std::uint32_t call, const char* code, std::string_view message, const std::string& type, const std::string& stack) {
    Json meta = Json::object({{"code", code}, {"message", message.substr(0, kTextMost)}});
    if (!type.empty()) meta["type"] = type.substr(0, kTextMost);
    if (!type.empty()) meta["stack"] = stack.substr(0, kTextMost);
    flush();
    write(kError, call, meta.dump(), "");
  }

  Reader reader_;
  std::mutex reading_, writing_, spare_, watching_, flying_;
  std::condition_variable wanted_, wake_, landed_;
  std::string out_;
  std::map<std::uint32_t, Frame> unfinished_;                   // calls whose bodies are not whole
  std::map<std::uint32_t, std::shared_ptr<Flight>> flights_;  // guarded by flying_
  std::uint64_t calls_ = 0;
  std::atomic<std::uint64_t> lent_{0};  // the number of the call whose thread would read on, or 0
  std::atomic<bool> asleep_{true};      // the watcher is
  bool watched_ = false;
  std::size_t waiting_ = 0, wanted_count_ = 0;  // threads that have run their call while another one took over the reading
};

void serve(std::function<Answering()> load) {
  for (int fd : {kIn, kOut}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  auto& worker = *new Worker;  // threads use it until the process ends
  std::string version = std::to_string(__GNUC__) + "." + std::to_string(__GNUC_MINOR__);
  worker.write(kHello, 0,
               Json::object({{"protocol", 1}, {"runtime", "cpp"}, {"version", version}, {"concurrency", 0}, {"features", Json::array({"cancel", "stream"})}}).dump(), "");
  for (Frame frame;;) {
    if (!worker.next(frame)) std::_Exit(0);
    if (frame.kind == kPing) worker.write(kPong, 0, "", frame.body);
    if (frame.kind != kLoad) continue;
    try {
      worker.load(frame.meta);
      worker.answering = load();
    } catch (const std::exception& error) {
      worker.write(kError, 0, Json::object({{"code", "LOAD_FAILED"}, {"message", error.what()}}).dump(), "");
      std::_Exit(1);
    }
    break;
  }
  worker.write(kReady, 0, "", "");
  worker.work();
  for (;;) pause();  // others serve, and one of them ends the process
}

}  // namespace trivet
