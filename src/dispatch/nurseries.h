#pragma once
// Nurseries: one for every runtime that has a function, where zygotes and spares are wanted at all.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/snapshot.h"
#include "pool/nursery.h"

namespace trivet::dispatch {

class Nurseries {
 public:
  explicit Nurseries(worker::Process::Surroundings around) : around_(around) {}

  // Nothing is kept before this. `spare_bytes` is the memory that the spares of one runtime may
  // take; 0: no spares, no zygotes.
  void open(int64_t spare_bytes) {
    if (spare_bytes > 0) spare_bytes_ = spare_bytes;
  }
  // Does a function matter here?
  using Wanted = std::function<bool(std::string_view function)>;
  // What exists from now on. A nursery whose runtime has changed lives on with the workers that
  // came of it. Returns those runtimes that are wanted, each with the level of a function of it,
  // and of which nothing can be kept before they are prepared.
  std::vector<std::pair<catalog::RuntimePtr, sandbox::Level>> adopt(
      const catalog::Snapshot& snapshot, const Wanted& wanted);
  // Where a runtime has what it has made of itself; false: that is known.
  bool know(catalog::RuntimePtr runtime, const std::string& prepared) {
    return prepared_.emplace(std::move(runtime), prepared).second;
  }
  // For the workers of one function; null when they must be programs that are started.
  std::shared_ptr<pool::Nursery> of(const catalog::FunctionSpec& spec,
                                    const catalog::RuntimeSpec& runtime) const;

  struct Row {
    std::string runtime, function;  // no function: it is the runtime's own
    pool::Nursery::Row row;
  };
  std::vector<Row> rows() const;

 private:
  worker::Process::Surroundings around_;
  // By runtime and level: who comes of a nursery is confined as it was.
  using Key = std::pair<std::string, sandbox::Level>;
  std::map<Key, std::shared_ptr<pool::Nursery>> kept_;
  std::map<catalog::RuntimePtr, std::string> prepared_;
  std::optional<int64_t> spare_bytes_;
};

}  // namespace trivet::dispatch
