#include "dispatch/homes.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace trivet::dispatch {
namespace {

catalog::Snapshot functions(const std::map<std::string, int>& shards_of) {
  catalog::Snapshot snapshot;
  for (const auto& [name, shards] : shards_of) {
    auto spec = std::make_shared<catalog::FunctionSpec>();
    spec->name = name;
    spec->scale.max = 5;
    spec->scale.shards = shards;
    snapshot.functions.emplace(name, std::move(spec));
  }
  return snapshot;
}

TEST(Homes, functions_are_spread_evenly_and_stay_where_they_are) {
  Homes homes{3};
  homes.adopt(functions({{"a", 1}, {"b", 1}, {"c", 1}, {"d", 1}, {"e", 1}, {"f", 1}}));
  std::map<size_t, int> living;
  std::map<std::string, size_t> before;
  for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
    before[name] = *homes.nearest(name, 0);
    ++living[before[name]];
  }
  for (size_t shard = 0; shard < 3; ++shard) EXPECT_EQ(living[shard], 2) << shard;
  homes.adopt(functions({{"0", 1}, {"b", 1}, {"c", 1}, {"e", 1}, {"f", 1}}));
  for (const char* name : {"b", "c", "e", "f"}) EXPECT_EQ(homes.nearest(name, 1), before[name]);
  EXPECT_EQ(homes.nearest("a", 1), std::nullopt);
  size_t newcomer = *homes.nearest("0", 1);  // where one has gone
  EXPECT_TRUE(newcomer == before["a"] || newcomer == before["d"]) << newcomer;
}

TEST(Homes, one_shard_has_all_of_a_function_or_nothing) {
  Homes homes{2};
  homes.adopt(functions({{"a", 1}}));
  size_t home = *homes.nearest("a", 1);
  EXPECT_EQ(homes.part("a", home), Part{});
  EXPECT_EQ(homes.part("a", 1 - home), std::nullopt);
  EXPECT_EQ(homes.part("nosuch", 0), Part{});
  EXPECT_EQ(homes.part("nosuch", 1), Part{});
}

TEST(Homes, a_function_of_several_shards_is_found_from_all) {
  Homes homes{8};
  homes.adopt(functions({{"a", 1}, {"wide", 3}, {"widest", 100}}));
  std::set<int> numbers;
  for (size_t shard = 0; shard < 8; ++shard) {
    size_t to = *homes.nearest("wide", shard);
    auto part = homes.part("wide", to);
    ASSERT_TRUE(part) << shard;
    EXPECT_EQ(part->parts, 3);
    EXPECT_EQ(to == shard, homes.part("wide", shard).has_value());
    numbers.insert(part->number);
    EXPECT_TRUE(homes.part("widest", *homes.nearest("widest", shard)));
  }
  EXPECT_EQ(numbers, (std::set<int>{0, 1, 2}));
  EXPECT_EQ(homes.part("widest", *homes.nearest("widest", 0))->parts, 5);  // scale.max
}

TEST(Homes, parts_add_up_to_the_whole) {
  catalog::Scale scale;
  for (int parts = 1; parts <= 5; ++parts)
    for (int all = 0; all < 12; ++all) {
      scale.min = scale.max = scale.overflow = scale.queue = all;
      int min = 0, max = 0, overflow = 0, queue = 0;
      for (int number = 0; number < parts; ++number) {
        catalog::Scale part = part_of(scale, {number, parts});
        min += part.min;
        max += part.max;
        overflow += part.overflow;
        queue += part.queue;
        EXPECT_LE(part.max, all / parts + 1);
      }
      EXPECT_EQ((std::vector<int>{min, max, overflow, queue}), std::vector<int>(4, all));
    }
}

}  // namespace
}  // namespace trivet::dispatch
