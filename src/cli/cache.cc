// trivet cache: what builds have left in the data folder, and how to be rid of it.
#include <chrono>
#include <filesystem>
#include <iostream>

#include "cli/cli.h"
#include "trivet/cache.h"

namespace trivet::cli {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kDayMs = 24 * 3600 * 1000;

struct Options {
  std::string root = ".";
  int64_t days = 7;
  bool all = false;
  std::vector<std::string> keys;
  bool replaces = false;
  uint64_t max_bytes = 2048ULL << 20;
};

// Where run, dev, serve and build keep things for the folder: those that exist.
std::vector<std::string> data_dirs(const Common& common, const Options& options) {
  if (!common.data.empty()) return {common.data};
  std::vector<std::string> out;
  std::error_code ec;
  for (const std::string& dir :
       {(fs::path{options.root} / ".trivet").string(), state_dir(options.root)})
    if (!dir.empty() && fs::is_directory(dir, ec)) out.push_back(dir);
  return out;
}

std::string size_text(uint64_t bytes) {
  constexpr uint64_t kMiB = 1 << 20;
  if (bytes >= 10 * kMiB) return std::to_string(bytes / kMiB) + " MiB";
  return std::to_string((bytes + 1023) / 1024) + " KiB";
}

json::object row_of(const std::string& dir, const CacheUse& use) {
  return {{"data", dir},
          {"artifacts", use.artifacts},
          {"in_use", use.in_use},
          {"artifact_bytes", use.artifact_bytes},
          {"package_bytes", use.package_bytes}};
}

// `look` for each data folder; what it found as a table.
int tell(const Common& common, const Options& options,
         const std::function<Result<CacheUse>(const std::string&)>& look, bool is_pruning) {
  json::array rows;
  std::vector<std::string> heads{"DATA", is_pruning ? "REMOVED" : "ARTIFACTS", "SIZE", "PACKAGES"};
  if (!is_pruning) heads.emplace_back("IN USE");
  Table table(heads);
  for (const auto& dir : data_dirs(common, options)) {
    auto use = look(dir);
    if (!use) return fail(use.error());
    rows.push_back(row_of(dir, *use));
    std::vector<std::string> row{dir, std::to_string(use->artifacts),
                                 size_text(use->artifact_bytes), size_text(use->package_bytes)};
    if (!is_pruning) row.push_back(std::to_string(use->in_use));
    table.add(row);
  }
  int code = 0;  // what is here is told also when the shared store cannot be asked
  if (!is_pruning && !common.store.empty()) {
    auto use = store_use(common.store);
    if (use) {
      rows.push_back(
          {{"store", common.store}, {"artifacts", use->artifacts}, {"artifact_bytes", use->bytes}});
      table.add({common.store, std::to_string(use->artifacts), size_text(use->bytes), "-", "-"});
    } else {
      code = fail(use.error());
    }
  }
  if (common.as_json())
    std::cout << json::serialize(rows) << "\n";
  else if (rows.empty())
    std::cerr << "nothing is kept for " << options.root << "\n";
  else
    table.print();
  return code;
}

int prune(const Common& common, const Options& options) {
  int64_t unused_ms = options.all ? 0 : options.days * kDayMs;
  int code = tell(
      common, options,
      [&](const std::string& dir) { return cache_prune(dir, unused_ms, options.all); }, true);
  if (code != 0 || common.store.empty()) return code;
  auto dropped = store_prune(common.store);
  if (!dropped) return fail(dropped.error());
  if (*dropped > 0) std::cerr << "unfinished uploads ended: " << *dropped << "\n";
  return 0;
}

int verify(const Common& common, const Options& options) {
  json::array rows;
  for (const auto& dir : data_dirs(common, options)) {
    auto damaged = cache_verify(dir);
    if (!damaged) return fail(damaged.error());
    for (const auto& artifact : *damaged) {
      rows.push_back({{"data", dir}, {"key", artifact.key}, {"what", artifact.what}});
      if (!common.as_json())
        std::cout << "damaged  " << dir << "/artifacts/" << artifact.key << ": "
                  << printable(artifact.what) << "\n";
    }
  }
  if (common.as_json())
    std::cout << json::serialize(rows) << "\n";
  else if (rows.empty() && !common.quiet)
    std::cerr << "all is as it was built\n";
  return rows.empty() ? 0 : 1;
}

Status must_have_store(const Common& common) {
  if (!common.store.empty()) return {};
  return Error{ErrorCode::kInvalidRequest, "there is no shared store",
               "name it: --store s3://BUCKET/PREFIX, or TRIVET_STORE"};
}

int pull(const Common& common, const Options& options) {
  if (Status there = must_have_store(common); !there) return fail(there.error());
  std::string dir = common.data.empty() ? state_dir(options.root) : common.data;
  for (const auto& key : options.keys)
    if (Status pulled = cache_pull(dir, common.store, key, options.max_bytes); !pulled)
      return fail(pulled.error());
  return 0;
}

int push(const Common& common, const Options& options) {
  if (Status there = must_have_store(common); !there) return fail(there.error());
  int64_t sent = 0;
  for (const auto& dir : data_dirs(common, options)) {
    auto count = cache_push(dir, common.store, options.keys, options.replaces);
    if (!count) return fail(count.error());
    sent += *count;
  }
  if (common.as_json())
    std::cout << json::serialize(json::object{{"sent", sent}}) << "\n";
  else if (options.keys.empty() && !common.quiet)
    std::cerr << "sent to " << common.store << ": " << sent << "\n";
  return 0;
}

}  // namespace

void add_cache(CLI::App& app, Common& common, Action& action) {
  auto options = std::make_shared<Options>();
  auto* verb = app.add_subcommand("cache", "what builds keep: du, prune, verify, push, pull");
  verb->require_subcommand(1);
  auto add = [&, options](const char* name, const char* what, std::function<int()> act) {
    auto* sub = verb->add_subcommand(name, what);
    sub->add_option("dir", options->root, "the folder of functions, as serve, dev and run take it")
        ->capture_default_str();
    sub->callback([&action, act = std::move(act)] { action = act; });
    return sub;
  };
  add("du", "how much there is",
      [&common, options] { return tell(common, *options, cache_use, false); });
  auto* pruning = add("prune", "remove what no server uses and none has asked for of late",
                      [&common, options] { return prune(common, *options); });
  pruning->add_option("--days", options->days, "unused for that long")
      ->check(CLI::Range(0, 36'500))
      ->capture_default_str();
  pruning->add_flag("--all", options->all, "however long ago, and what package managers keep, too");
  auto* pushing = add("push", "send artifacts to the shared store, those that it has not got",
                      [&common, options] { return push(common, *options); });
  pushing->add_option("--key", options->keys, "only this one; may be repeated");
  pushing->add_flag("--replace", options->replaces, "also those that it has");
  auto* pulling = add("pull", "get artifacts from the shared store",
                      [&common, options] { return pull(common, *options); });
  pulling->add_option("--key", options->keys, "which; may be repeated")->required();
  pulling->add_option("--max-bytes", options->max_bytes, "of one, unpacked")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  add("verify", "read every artifact; one that is damaged is removed, to be built again",
      [&common, options] { return verify(common, *options); });
}

}  // namespace trivet::cli
