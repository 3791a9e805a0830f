#pragma once
// Starter: where the workers of one function version come from.
//
// In this order: a fork of the function's own zygote, which has its code loaded; a blank worker of
// the runtime's nursery, which loads it; a program that is started. The function's zygote is made
// once its first worker has loaded, a moment later. Of several workers that are wanted before that,
// the first loads, and the others wait to be forks. A function that cannot be forked - it runs
// threads or holds files open once it is loaded - has no zygote, with a reason that is shown.

#include <memory>
#include <string>

#include "loop/scope.h"
#include "pool/nursery.h"
#include "pool/pool.h"
#include "worker/framed.h"

namespace trivet::dispatch {

class Starter final : public pool::WorkerFactory, private worker::WorkerObserver {
 public:
  // `nursery` may be null: then every worker is a program that is started.
  Starter(worker::Process::Surroundings around, worker::LaunchPlan plan,
          worker::HostServices* services, std::shared_ptr<pool::Nursery> nursery,
          bool warm_oneshot);
  ~Starter() override;

  loop::Task<Result<std::unique_ptr<worker::Worker>>> start(
      worker::WorkerObserver& observer) override;

  // The function's zygote; 0 without one.
  int zygote_pid() const { return zygote_ ? zygote_->pid() : 0; }
  Duration zygote_age() const {
    return zygote_ ? around_.loop.now() - zygote_->started() : Duration{};
  }
  // Why the function cannot be forked; empty when it can, or when nobody tried.
  const std::string& not_forked() const { return not_forked_; }

 private:
  worker::Surroundings around(worker::WorkerObserver& observer) const;
  loop::Task<Result<std::unique_ptr<worker::Framed>>> start_framed(
      worker::WorkerObserver& observer);
  std::optional<worker::Blank> take_blank();
  bool wants_zygote() const;
  bool should_wait() const;
  loop::Task<> make_zygote(Duration delay);
  loop::Task<> replace_zygote();
  void tell(LogLevel level, std::string message);
  void on_free() override {}
  void on_end() override;

  worker::Process::Surroundings around_;
  worker::LaunchPlan plan_;
  worker::HostServices* services_;
  std::shared_ptr<pool::Nursery> nursery_;
  bool warm_oneshot_;
  std::unique_ptr<worker::Framed> zygote_;
  bool making_zygote_ = false;
  int zygote_failures_ = 0;  // in a row
  std::string not_forked_;
  int loading_ = 0;           // workers
  int waiting_ = 0;           // starts, for the first zygote
  bool first_zygote_ = true;  // none was tried yet
  loop::Event settled_;       // it is there, or will not be
  loop::Scope scope_;
};

}  // namespace trivet::dispatch
