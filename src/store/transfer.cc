#include "store/transfer.h"

#include "store/parcel.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

// A folder of the cache that goes away with it, unless it was kept.
struct Making {
  Making(Store& s, fs::path d) : store(s), dir(std::move(d)) {}
  ~Making() {
    std::error_code ec;
    if (fs::exists(dir, ec)) store.remove(dir);
  }
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  Store& store;
  fs::path dir;
};

fs::path parcel_in(const Making& making) { return making.dir / "parcel.tar.zst"; }

}  // namespace

Status pull(SharedStore& from, Store& cache, const std::string& key, uint64_t max_bytes) {
  std::string damage;
  if (cache.use(key, damage)) return {};
  auto begun = cache.begin(key, "");
  if (!begun) return std::move(begun).error();
  Making making{cache, std::move(*begun)};
  fs::path parcel = parcel_in(making);
  if (Status fetched = from.fetch(key, parcel); !fetched) return fetched;
  auto label = check_parcel(parcel);
  if (!label) return std::move(label).error();
  for (const auto& needed : label->links.needs) {  // which need nothing that is not among these
    if (needed == key) return Error{ErrorCode::kInvalidInput, "the artifact needs itself"};
    if (cache.use(needed, damage)) continue;
    if (Status pulled = pull(from, cache, needed, max_bytes); !pulled) return pulled;
  }
  if (Status opened = open_parcel(parcel, *label, making.dir / "files", max_bytes); !opened)
    return opened;
  std::error_code ec;
  fs::remove(parcel, ec);
  return cache.keep(making.dir, key, label->contents);
}

Result<bool> push(Store& cache, SharedStore& to, const std::string& key, bool replaces) {
  if (!replaces) {
    auto has = to.has(key);
    if (!has) return std::move(has).error();
    if (*has) return false;
  }
  std::string damage;
  if (!cache.use(key, damage))
    return Error{ErrorCode::kNotFound,
                 "there is no artifact " + key + (damage.empty() ? "" : ": " + damage)};
  auto begun = cache.begin(key, "");
  if (!begun) return std::move(begun).error();
  Making making{cache, std::move(*begun)};
  fs::path parcel = parcel_in(making);
  if (Status made = make_parcel(cache.files_of(key).parent_path(), parcel); !made)
    return std::move(made).error();
  if (Status put = to.put(parcel, key); !put) return std::move(put).error();
  return true;
}

}  // namespace trivet::store
