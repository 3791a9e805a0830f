#pragma once
// Artifacts from the cache on disk to a shared store and back. For a process of its own: it may be
// killed at any moment, and leaves nothing that is half there, neither here nor there.

#include <string>

#include "store/remote.h"
#include "store/store.h"

namespace trivet::store {

// It, and what it needs, is in `cache` from now on, whole. kNotFound when the shared store has not
// got it; kInvalidInput when what it has was changed or is not what it says; kPayloadTooLarge over
// `max_bytes`; else as SharedStore::fetch().
Status pull(SharedStore& from, Store& cache, const std::string& key, uint64_t max_bytes);

// The shared store has it from now on; false when it had it before and `replaces` is not set.
// kNotFound when the cache has not got it, kInvalidInput when it cannot be packed.
Result<bool> push(Store& cache, SharedStore& to, const std::string& key, bool replaces);

}  // namespace trivet::store
