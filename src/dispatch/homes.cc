#include "dispatch/homes.h"

#include <algorithm>
#include <vector>

namespace trivet::dispatch {

int share(int all, Part part) { return all / part.parts + (part.number < all % part.parts); }

catalog::Scale part_of(const catalog::Scale& scale, Part part) {
  catalog::Scale out = scale;
  for (int* limit : {&out.min, &out.max, &out.overflow, &out.queue}) *limit = share(*limit, part);
  return out;
}

void Homes::adopt(const catalog::Snapshot& snapshot) {
  std::lock_guard lock(mutex_);
  std::map<std::string, Home, std::less<>> next;
  std::vector<size_t> living(shards_);
  for (const auto& [name, home] : homes_) {
    if (!snapshot.find(name)) continue;
    next.insert({name, home});
    ++living[home.first];
  }
  for (const auto& [name, spec] : snapshot.functions) {
    auto [home, is_new] = next.try_emplace(name);
    if (is_new) {
      auto emptiest = std::min_element(living.begin(), living.end());
      ++*emptiest;
      home->second.first = static_cast<size_t>(emptiest - living.begin());
    }
    int parts = std::min({spec->scale.shards, spec->scale.max, static_cast<int>(shards_)});
    home->second.parts = static_cast<size_t>(parts);
  }
  homes_ = std::move(next);
}

std::optional<size_t> Homes::nearest(std::string_view function, size_t shard) const {
  std::lock_guard lock(mutex_);
  auto found = homes_.find(function);
  if (found == homes_.end()) return std::nullopt;
  const auto& [first, parts] = found->second;
  size_t number = (shard + shards_ - first) % shards_;
  return number < parts ? shard : (first + number % parts) % shards_;
}

std::optional<Part> Homes::part(std::string_view function, size_t shard) const {
  std::lock_guard lock(mutex_);
  auto found = homes_.find(function);
  if (found == homes_.end()) return Part{};
  const auto& [first, parts] = found->second;
  size_t number = (shard + shards_ - first) % shards_;
  if (number >= parts) return std::nullopt;
  return Part{static_cast<int>(number), static_cast<int>(parts)};
}

}  // namespace trivet::dispatch
