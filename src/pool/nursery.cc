#include "pool/nursery.h"

#include <algorithm>

#include "pool/policy.h"

namespace trivet::pool {
namespace {

constexpr auto kSettle = 10ms;  // between a spare that was taken and the start of the next
constexpr int kStartsAtOnce = 2;
const catalog::Restart kBackoff{};  // 100 ms to 30 s

}  // namespace

// One blank worker that waits. It is ready when its HELLO lies in its pipe; nobody reads that yet.
class Nursery::Kept final : public loop::IoHandler {
 public:
  Kept(Nursery& nursery, Instant now) : begun(now), nursery_(nursery) {}
  ~Kept() { unwatch(); }
  void watch(worker::Blank made) {
    blank = std::move(made);
    nursery_.around_.loop.add(blank.from.get(), EPOLLIN, *this);
    watching_ = true;
  }
  void unwatch() {
    if (watching_) nursery_.around_.loop.remove(blank.from.get(), *this);
    watching_ = false;
  }
  void on_io(uint32_t events) override {
    unwatch();
    if (events & EPOLLIN) nursery_.on_ready(*this);
  }

  worker::Blank blank;
  Instant begun;
  bool is_ready = false;

 private:
  Nursery& nursery_;
  bool watching_ = false;
};

Nursery::Nursery(worker::Process::Surroundings around, Plan plan)
    : around_(around),
      plan_(std::move(plan)),
      news_(around.loop),
      ready_(around.loop),
      scope_(around.loop) {}

Nursery::~Nursery() = default;

void Nursery::open() {
  if (is_open_ || plan_.start == catalog::Start::kExec) return;
  is_open_ = true;
  scope_.spawn(keep());
}

std::optional<worker::Blank> Nursery::take() {
  arrivals_.arrived(around_.loop.now());
  if (forks()) return fork(false);
  auto ready = std::find_if(kept_.begin(), kept_.end(), [](auto& k) { return k->is_ready; });
  if (ready == kept_.end()) return std::nullopt;
  worker::Blank blank = std::move((*ready)->blank);
  blank.process->when_ended(nullptr);
  kept_.erase(ready);
  not_before_ = std::max(not_before_, after(around_.loop.now(), kSettle));
  news_.set();
  return blank;
}

std::optional<worker::Blank> Nursery::take_zygote() {
  if (!forks()) return std::nullopt;
  return fork(true);
}

std::optional<worker::Blank> Nursery::fork(bool is_zygote) {
  if (kept_.empty() || !kept_.front()->is_ready) return std::nullopt;
  worker::BlankPlan plan;
  plan.function = plan_.runtime;
  plan.zygote = kept_.front()->blank.process->ticket();
  plan.is_zygote = is_zygote;
  plan.has_stdin = plan_.has_stdin;
  plan.policy = sandbox::at_level(plan_.level);
  plan.is_blank = true;
  auto blank = worker::start_blank(around_, std::move(plan), nullptr);
  if (!blank) return std::nullopt;  // no descriptors: starting a program will say so
  return std::move(*blank);
}

bool Nursery::is_ready() const {
  return std::any_of(kept_.begin(), kept_.end(), [](auto& k) { return k->is_ready; });
}

std::vector<Nursery::Row> Nursery::rows() const {
  std::vector<Row> rows;
  for (const auto& kept : kept_)
    if (kept->blank.process->pid() > 0)
      rows.push_back(
          {kept->blank.process->pid(), forks(), kept->is_ready, around_.loop.now() - kept->begun});
  return rows;
}

int Nursery::wanted() const {
  if (forks()) return 1;
  return spares_wanted(
      {arrivals_.per_second(around_.loop.now()), start_cost_, bytes_each_, plan_.spare_bytes});
}

loop::Task<> Nursery::keep() {
  for (;;) {
    Instant now = around_.loop.now();
    auto starting = std::count_if(kept_.begin(), kept_.end(), [](auto& k) { return !k->is_ready; });
    bool may_start = now >= not_before_ && starting < kStartsAtOnce;
    if (may_start && static_cast<int>(kept_.size()) < wanted()) {
      start_one();
      continue;
    }
    news_.reset();
    Instant until = end_late();
    if (not_before_ > now) until = std::min(until, not_before_);
    co_await news_.wait(until);
  }
}

// Ends what does not become ready, be it that somebody has stopped it. When the next may be late.
Instant Nursery::end_late() {
  Instant next = kNever;
  for (auto& kept : kept_) {
    if (kept->is_ready) continue;
    Instant late = after(kept->begun, plan_.ready_within);
    if (late <= around_.loop.now())
      kept->blank.process->kill();
    else
      next = std::min(next, late);
  }
  return next;
}

void Nursery::start_one() {
  auto kept = std::make_unique<Kept>(*this, around_.loop.now());
  worker::BlankPlan plan{plan_.runtime, plan_.argv, plan_.env};
  plan.env.push_back(forks() ? "TRIVET_ZYGOTE=1" : "TRIVET_SPARE=1");
  plan.is_zygote = forks();
  plan.has_stdin = plan_.has_stdin && !forks();
  plan.policy = sandbox::at_level(plan_.level);
  plan.is_blank = !forks();
  Kept* raw = kept.get();
  auto blank = worker::start_blank(around_, std::move(plan),
                                   [this, raw](worker::Process&) { on_dead(*raw); });
  if (!blank) {
    not_before_ = after(around_.loop.now(), backoff(kBackoff, ++failures_, 0));
    return;
  }
  kept->watch(std::move(*blank));
  kept_.push_back(std::move(kept));
}

void Nursery::on_ready(Kept& kept) {
  kept.is_ready = true;
  failures_ = 0;
  ready_.set();
  start_cost_ = around_.loop.now() - kept.begun;
  bytes_each_ = std::max(bytes_each_, os::memory_share(kept.blank.process->pid()));
  news_.set();
}

// Called from the process's own end: it is destroyed here, with the last of its frames unread.
void Nursery::on_dead(Kept& kept) {
  const worker::Obituary& obituary = kept.blank.process->obituary();
  last_end_ = obituary.exit.not_started.empty() ? obituary.text() : obituary.exit.not_started;
  LogLine line;
  line.time_ms = around_.clock.unix_ms();
  line.level = LogLevel::kWarn;
  line.stream = LogStream::kHost;
  line.message = std::string{forks() ? "the zygote" : "a spare"} + " of " + plan_.runtime +
                 " ended: " + last_end_;
  around_.logs.write(std::move(line));
  auto delay = backoff(kBackoff, ++failures_, 0);
  if (failures_ > 1) not_before_ = after(around_.loop.now(), delay);
  kept_.erase(std::find_if(kept_.begin(), kept_.end(), [&](auto& k) { return k.get() == &kept; }));
  if (!is_ready()) ready_.reset();
  news_.set();
}

}  // namespace trivet::pool
