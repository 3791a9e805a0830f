#include "builder/sharing.h"

#include <algorithm>

#include "builder/builder.h"

namespace trivet::builder {
namespace {

// Exit codes of the command line (base/error.cc).
constexpr int kDone = 0, kNotThere = 4, kRefusedInput = 7;

// The lines of an error as one.
std::string as_one_line(std::string_view text) {
  constexpr std::string_view kName = "trivet: ";
  std::string out;
  if (text.starts_with(kName)) text.remove_prefix(kName.size());
  for (char c : text) {
    if (c != '\n' && (c != ' ' || !out.ends_with(' ')))
      out += c;
    else if (c == '\n' && !out.empty())
      out += "; ";
  }
  while (out.ends_with(' ') || out.ends_with(';')) out.pop_back();
  return out;
}

}  // namespace

loop::Task<Sharing::Outcome> Sharing::transfer(std::vector<std::string> words, Duration most) {
  std::string program = settings_.program.empty() ? find_program("trivet") : settings_.program;
  if (program.empty()) co_return Outcome{-1, "the program trivet, which sends it, is not on PATH"};
  std::vector<std::string> argv{program, "cache"};
  argv.insert(argv.end(), words.begin(), words.end());
  for (const auto& word : {std::string{"--store"}, settings_.url, std::string{"--data"}, cache_})
    argv.push_back(word);
  worker::Process::Plan plan;
  plan.merge_output = true;
  plan.launch.spawn = {
      std::move(argv), build_environment({"AWS_"}, sandbox::Level::kTrusted), "/", {}};
  worker::Process::Surroundings around{around_.loop, around_.clock, deaf_, around_.launcher};
  loop::Event ended{around_.loop};
  auto process =
      worker::Process::start(around, std::move(plan), [&ended](worker::Process&) { ended.set(); });
  if (!process) co_return Outcome{-1, process.error().message};
  bool within = co_await ended.wait(after(around_.loop.now(), most));
  if (!within) {
    (*process)->kill();
    co_return Outcome{-1, "it took too long"};
  }
  const auto& obituary = (*process)->obituary();
  if (!obituary.exit.not_started.empty()) co_return Outcome{-1, obituary.exit.not_started};
  std::string said = as_one_line(obituary.stderr_tail);
  co_return Outcome{obituary.status.code, said.empty() ? obituary.status.text() : said};
}

loop::Task<Sharing::Pulled> Sharing::pull(std::string function, std::string key, uint64_t max_bytes,
                                          Duration time_left) {
  std::vector<std::string> words{"pull", "--key", key, "--max-bytes", std::to_string(max_bytes)};
  auto outcome = co_await transfer(std::move(words), time_left);
  if (outcome.code == kDone) co_return Pulled::kIt;
  if (outcome.code == kNotThere) co_return Pulled::kNothing;
  bool is_refused = outcome.code == kRefusedInput;
  std::string what = is_refused ? "what the shared store has is refused, and built here: "
                                : "the shared store is left alone for a while: ";
  around_.say(function, LogLevel::kWarn, "build: " + what + outcome.words);
  if (is_refused) co_return Pulled::kRefused;
  rests_until_ = after(around_.loop.now(), limits::kStoreRest);
  co_return Pulled::kNothing;
}

void Sharing::push(std::string function, std::string key, bool replaces) {
  if (settings_.url.empty()) return;
  parcels_.push_back({std::move(function), std::move(key), replaces});
  if (parcels_.size() > limits::kStoreUnsent) parcels_.pop_front();
  if (!idle_.is_set()) return;
  idle_.reset();
  scope_.spawn(push_all());
}

loop::Task<> Sharing::push_all() {
  while (!parcels_.empty()) {
    Parcel parcel = parcels_.front();
    parcels_.pop_front();
    std::vector<std::string> words{"push", "--key", parcel.key};
    if (parcel.replaces) words.emplace_back("--replace");
    auto outcome = co_await transfer(std::move(words), limits::kStorePush);
    if (outcome.code == kDone) {
      last_failure_.clear();
      continue;
    }
    bool may_pass = outcome.code != kRefusedInput && outcome.code != kNotThere;
    std::string text = "build: " + parcel.key.substr(0, 12) + " was not sent to " + settings_.url +
                       (may_pass ? ", and is tried again after the next build: " : ": ") +
                       outcome.words;
    if (outcome.words != last_failure_) around_.say(parcel.function, LogLevel::kWarn, text);
    last_failure_ = outcome.words;
    if (!may_pass) continue;
    parcels_.push_front(std::move(parcel));
    break;
  }
  idle_.set();
}

loop::Task<bool> Sharing::settled(Instant deadline) {
  bool is_idle = co_await idle_.wait(deadline);
  co_return is_idle;
}

}  // namespace trivet::builder
