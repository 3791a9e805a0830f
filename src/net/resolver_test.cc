#include "net/resolver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <optional>

#include "net/sockets_test.h"

namespace trivet::net {
namespace {

using Found = std::optional<Result<Resolver::Addresses>>;

loop::Task<> ask(Resolver& resolver, std::string host, Instant deadline, Found& out) {
  out.emplace(co_await resolver.resolve(std::move(host), deadline));
}

class ResolverTest : public ::testing::Test {
 protected:
  Found resolve(const std::string& host) {
    Found found;
    loop::Scope scope{loop};
    scope.spawn(ask(resolver, host, kNever, found));
    EXPECT_TRUE(turn_until(loop, [&found] { return found.has_value(); }));
    return found;
  }

  std::atomic<int> lookups = 0;
  std::promise<void> gate;
  std::shared_future<void> opened{gate.get_future()};
  loop::Loop loop;
  loop::BlockingPool blocking{2};
  SystemResolver resolver{loop, blocking,
                          [this](const std::string& host) -> Result<Resolver::Addresses> {
                            ++lookups;
                            if (host == "slow") opened.wait();
                            if (host == "nobody") return Error{ErrorCode::kUnavailable, "unknown"};
                            return Resolver::Addresses{"192.0.2.1", "2001:db8::1"};
                          }};
};

TEST_F(ResolverTest, callers_of_a_name_share_its_lookup_and_the_next_use_it_again) {
  Found one, two;
  loop::Scope scope{loop};
  scope.spawn(ask(resolver, "slow", kNever, one));
  scope.spawn(ask(resolver, "slow", kNever, two));
  gate.set_value();
  ASSERT_TRUE(turn_until(loop, [&] { return one && two; }));
  EXPECT_EQ(**one, (Resolver::Addresses{"192.0.2.1", "2001:db8::1"}));
  EXPECT_EQ(**two, **one);
  resolve("slow");
  EXPECT_EQ(lookups, 1);
  resolve("other");
  EXPECT_EQ(lookups, 2);
}

TEST_F(ResolverTest, a_failure_is_remembered_too) {
  Found found = resolve("nobody");
  ASSERT_FALSE(found->ok());
  EXPECT_EQ(found->error().message, "unknown");
  resolve("nobody");
  EXPECT_EQ(lookups, 1);
}

TEST_F(ResolverTest, a_lookup_that_takes_too_long_is_not_waited_for) {
  Found found;
  loop::Scope scope{loop};
  scope.spawn(ask(resolver, "slow", loop.now() + 5ms, found));
  ASSERT_TRUE(turn_until(loop, [&found] { return found.has_value(); }));
  ASSERT_FALSE(found->ok());
  EXPECT_NE(found->error().message.find("no answer in time"), std::string::npos);
  gate.set_value();
}

TEST(SystemResolver, knows_what_the_system_knows) {
  loop::Loop loop;
  loop::BlockingPool blocking{1};
  SystemResolver resolver{loop, blocking};
  Found local, nobody;
  loop::Scope scope{loop};
  scope.spawn(ask(resolver, "127.1", kNever, local));  // a spelling of 127.0.0.1
  scope.spawn(ask(resolver, "nobody.invalid..", kNever, nobody));
  ASSERT_TRUE(turn_until(loop, [&] { return local && nobody; }));
  EXPECT_EQ(**local, (Resolver::Addresses{"127.0.0.1"}));
  ASSERT_FALSE(nobody->ok());
  EXPECT_NE(nobody->error().message.find("\"nobody.invalid..\" does not resolve"),
            std::string::npos);
}

}  // namespace
}  // namespace trivet::net
