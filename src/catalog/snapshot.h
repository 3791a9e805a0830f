#pragma once
// What exists now: every runtime and every function, immutable, shared by pointer.
//
// A reader takes the shared_ptr once and sees one consistent state for as long as it keeps it. The
// catalog publishes a new Snapshot when something changed; specs that did not change are the same
// objects in the new one, so that pools can compare pointers.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "catalog/function.h"
#include "catalog/runtime.h"

namespace trivet::catalog {

using FunctionPtr = std::shared_ptr<const FunctionSpec>;
using RuntimePtr = std::shared_ptr<const RuntimeSpec>;

// A function (or a whole file) that could not be described. The others serve.
struct Problem {
  std::string function;  // its name when that much is known
  std::filesystem::path file;
  Error error;  // message has file:line:column
};

struct TransparentHash {
  using is_transparent = void;
  size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};

struct Snapshot {
  uint64_t generation = 0;
  std::map<std::string, RuntimePtr, std::less<>> runtimes;  // each with its default toolchain
  // The others that were found, by "NAME@VERSION": runtimes of their own.
  std::map<std::string, RuntimePtr, std::less<>> versions;
  std::unordered_map<std::string, FunctionPtr, TransparentHash, std::equal_to<>> functions;
  std::vector<Problem> problems;

  // nullptr when there is none.
  FunctionPtr find(std::string_view name) const {
    auto it = functions.find(name);
    return it == functions.end() ? nullptr : it->second;
  }
  RuntimePtr runtime(std::string_view name) const {
    const auto& named = name.find('@') == name.npos ? runtimes : versions;
    auto it = named.find(name);
    return it == named.end() ? nullptr : it->second;
  }
  // The one that runs that function.
  RuntimePtr runtime_of(const FunctionSpec& spec) const {
    return runtime(spec.runtime_key.empty() ? spec.runtime : spec.runtime_key);
  }
  // The problem recorded for that function, nullptr when there is none.
  const Problem* problem(std::string_view function) const {
    for (const auto& p : problems)
      if (p.function == function) return &p;
    return nullptr;
  }
  // Names in order, for lists.
  std::vector<std::string> names() const;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace trivet::catalog
