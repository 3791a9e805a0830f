// What a runtime makes of itself once, for all its workers and builds: a compiled shim, an archive
// of classes.
#include <fstream>

#include "builder/running.h"

namespace trivet::builder {
namespace {

namespace fs = std::filesystem;

constexpr size_t kKeyInName = 16;  // digits: enough to tell the versions of one runtime apart

// It is made where it stays, for what is made may hold its own place. So a file beside it says that
// it is whole.
fs::path stamp_of(const fs::path& place) { return place.string() + ".whole"; }

}  // namespace

loop::Task<Result<fs::path>> Builder::prepare(catalog::RuntimePtr runtime, sandbox::Level level) {
  if (runtime->prepare_command.empty()) co_return fs::path{};
  auto hash = [runtime] { return prepare_key(*runtime); };
  auto key = co_await around_.blocking.run(around_.loop, hash);
  if (!key) co_return std::move(key).error();
  fs::path place = cache_ / "prepared" / (runtime->family() + "-" + key->substr(0, kKeyInName));
  std::error_code ec;
  while (!fs::exists(stamp_of(place), ec)) {
    auto other = making_.find(*key);
    if (other != making_.end()) {
      auto over = other->second;
      co_await over->wait();
      continue;
    }
    MakingOf ours{*this, *key};
    Status made = co_await make_prepared(runtime, level, place);
    if (!made) co_return std::move(made).error();
  }
  co_return place;
}

loop::Task<Status> Builder::make_prepared(catalog::RuntimePtr runtime, sandbox::Level level,
                                          fs::path place) {
  auto spec = std::make_shared<catalog::FunctionSpec>();
  spec->name = "the runtime " + runtime->name;
  spec->dir = runtime->dir;
  spec->policy = sandbox::at_level(level);
  auto running = std::make_shared<Running>(around_.loop, spec, runtime);
  running->prepared = place;
  auto slot = co_await take_slot(running);
  std::error_code ec;
  fs::create_directories(place, ec);
  if (ec) co_return disk_error("cannot make " + place.string(), ec);
  catalog::Words words = catalog::folders_of(*runtime);
  words.binary = runtime->binary;
  words.output = place.string();
  auto argv = catalog::expand(runtime->prepare_command, words);
  Status ran = co_await run_step(running, "prepare", std::move(argv), place);
  if (!ran) co_return ran;
  std::ofstream stamp(stamp_of(place));
  stamp << runtime->version << "\n";
  stamp.close();
  if (!stamp)
    co_return disk_error("cannot write " + stamp_of(place).string(),
                         {errno, std::generic_category()});
  co_return Status{};
}

}  // namespace trivet::builder
