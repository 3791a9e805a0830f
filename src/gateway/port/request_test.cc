#include "gateway/port/request.h"

#include <gtest/gtest.h>

#include "wire/text.h"

namespace trivet::gateway {
namespace {

using wire::Atom;
using wire::Binary;
using wire::List;
using wire::Map;
using wire::Term;
using wire::Tuple;

Term atom(std::string name) { return Atom{std::move(name)}; }
Term number(int64_t n) { return n; }
Term list(std::vector<Term> items) { return List{std::move(items), {}}; }
Term tuple(std::vector<Term> items) { return Tuple{std::move(items)}; }
Term string(std::string_view text) {
  List out;
  for (char c : text) out.items.emplace_back(int64_t{c});
  return out;
}

std::string refusal(const Term& term) {
  auto request = read_request(term);
  return request ? "" : request.error().message;
}

TEST(PortRequest, a_call_with_names_of_every_kind) {
  Term term = tuple({atom("call"), tuple({number(1)}), string("pool"), Binary{"math"}, atom("add"),
                     list({number(5), atom("x")}), number(1500)});
  auto request = read_request(term);
  ASSERT_TRUE(request.ok()) << request.error().message;
  const auto& call = std::get<PortCall>(*request);
  EXPECT_EQ(*call.id, tuple({number(1)}));
  EXPECT_EQ(call.pool + call.module + call.function, "poolmathadd");
  EXPECT_EQ(call.args, "[5,\"x\"]");
  EXPECT_EQ(call.timeout, Duration{std::chrono::milliseconds{1500}});
}

TEST(PortRequest, a_cast_and_a_call_without_a_limit) {
  auto cast = read_request(tuple({atom("cast"), atom("p"), atom("m"), atom("f"), list({})}));
  ASSERT_TRUE(cast.ok());
  EXPECT_FALSE(std::get<PortCall>(*cast).id);
  auto call = read_request(tuple(
      {atom("call"), number(1), atom("p"), atom("m"), atom("f"), list({}), atom("infinity")}));
  ASSERT_TRUE(call.ok());
  EXPECT_FALSE(std::get<PortCall>(*call).timeout);
}

TEST(PortRequest, the_others) {
  EXPECT_EQ(
      std::get<PortStop>(*read_request(tuple({atom("stop_pool"), number(1), atom("p")}))).pool,
      "p");
  EXPECT_EQ(std::get<PortPing>(*read_request(tuple({atom("ping"), number(1), atom("p")}))).pool,
            "p");
  EXPECT_EQ(std::get<PortStats>(*read_request(tuple({atom("stats"), number(1)}))).id, number(1));
}

TEST(PortRequest, what_is_wrong_is_said) {
  auto call = [](size_t field, Term wrong) {
    std::vector<Term> items{atom("call"), number(1), atom("p"), atom("m"),
                            atom("f"),    list({}),  number(1)};
    items[field] = std::move(wrong);
    return refusal(tuple(std::move(items)));
  };
  EXPECT_EQ(call(1, atom("any")), "");
  EXPECT_NE(call(0, atom("cal")).find("no request \"cal\""), std::string::npos);
  EXPECT_NE(call(2, number(7)).find("Pool"), std::string::npos);
  EXPECT_NE(call(3, tuple({})).find("Module"), std::string::npos);
  EXPECT_NE(call(4, Binary{"\xFF"}).find("Function"), std::string::npos);
  EXPECT_NE(call(4, atom("")).find("Function"), std::string::npos);
  EXPECT_NE(call(5, atom("x")).find("Args"), std::string::npos);
  EXPECT_NE(call(5, List{{number(1)}, {number(2)}}).find("Args"), std::string::npos);
  EXPECT_NE(call(6, number(-1)).find("TimeoutMs"), std::string::npos);
  EXPECT_NE(call(6, number(int64_t{1} << 60)).find("TimeoutMs"), std::string::npos);
  EXPECT_NE(refusal(number(1)).find("tuple"), std::string::npos);
  EXPECT_NE(refusal(tuple({})).find("tuple"), std::string::npos);
  EXPECT_NE(refusal(tuple({atom("ping"), number(1)})).find("{ping, Id, Pool}"), std::string::npos);
}

TEST(PortRequest, the_id_of_what_is_wrong) {
  EXPECT_EQ(id_of(tuple({atom("what"), number(7)})), number(7));
  EXPECT_FALSE(id_of(tuple({atom("cast"), atom("p")})));
  EXPECT_FALSE(id_of(tuple({atom("what")})));
  EXPECT_FALSE(id_of(number(7)));
}

TEST(PortOptions, defaults) {
  auto spec = read_pool_options("python", list({}));
  ASSERT_TRUE(spec.ok());
  EXPECT_EQ(spec->interface, "module");
  EXPECT_EQ(spec->runtime, "python");
  EXPECT_EQ(spec->scale.min, 2);
  EXPECT_EQ(spec->scale.max, 2);
  EXPECT_EQ(spec->scale.overflow, 0);
  EXPECT_EQ(spec->limits.timeout, Duration{limits::kTimeoutMax});
  EXPECT_TRUE(spec->dir.is_absolute());
}

TEST(PortOptions, a_map_and_a_list_of_pairs_mean_the_same) {
  std::vector<std::pair<Term, Term>> pairs{{atom("pool_size"), number(3)},
                                           {atom("overflow"), number(4)},
                                           {atom("worker_timeout_ms"), number(500)},
                                           {atom("max_calls_per_worker"), atom("infinity")},
                                           {atom("max_worker_age_ms"), number(60'000)},
                                           {atom("python_path"), string("/a/b/")},
                                           {atom("env"), Map{{{atom("A"), Binary{"b"}}}}}};
  std::vector<Term> tuples;
  for (const auto& [key, value] : pairs) tuples.push_back(tuple({key, value}));
  for (const Term& options : {Term{Map{pairs}}, list(tuples)}) {
    auto spec = read_pool_options("python", options);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_EQ(spec->scale.min, 3);
    EXPECT_EQ(spec->scale.max, 3);
    EXPECT_EQ(spec->scale.overflow, 4);
    EXPECT_EQ(spec->limits.timeout, Duration{500ms});
    EXPECT_EQ(spec->restart.max_calls, 0);
    EXPECT_EQ(spec->restart.max_age, Duration{60s});
    EXPECT_EQ(spec->dir, "/a/b");
    EXPECT_EQ(spec->env.at("A"), "b");
  }
}

TEST(PortOptions, confinement_is_said_as_in_a_manifest) {
  Term sandbox = Map{{{atom("level"), atom("strict")},
                      {atom("net"), list({Binary{"db.example:5432"}})},
                      {atom("write"), list({string("/tmp")})}}};
  Term worker = list({tuple({atom("memory"), Binary{"64MiB"}}), tuple({atom("pids"), number(9)})});
  auto spec = read_pool_options(
      "python", list({tuple({atom("sandbox"), sandbox}), tuple({atom("limits"), worker})}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->policy.level, sandbox::Level::kStrict);
  EXPECT_TRUE(spec->level_given);
  ASSERT_EQ(spec->policy.net.size(), 1u);
  EXPECT_EQ(spec->policy.net[0].port, 5432);
  ASSERT_EQ(spec->policy.binds.size(), 1u);
  EXPECT_TRUE(spec->policy.binds[0].writable);
  EXPECT_EQ(spec->policy.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(spec->policy.limits.pids, 9);
}

TEST(PortOptions, a_runtime_may_have_a_version) {
  auto spec =
      read_pool_options("python@>=3.10", list({tuple({atom("python_path"), string("/a")})}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->runtime, "python");
  EXPECT_EQ(spec->runtime_version, ">=3.10");
  EXPECT_EQ(spec->dir, "/a");
}

TEST(PortOptions, what_is_wrong_is_said) {
  auto refused = [](Term key, Term value) {
    auto spec = read_pool_options("python", list({tuple({std::move(key), std::move(value)})}));
    return spec ? "" : spec.error().message;
  };
  EXPECT_NE(refused(atom("pool_sise"), number(1)).find("did you mean pool_size?"),
            std::string::npos);
  EXPECT_NE(refused(atom("ruby_path"), string("/x")).find("no option ruby_path"),
            std::string::npos);
  EXPECT_NE(refused(atom("pool_size"), number(0)).find("from 1 to 1000"), std::string::npos);
  EXPECT_NE(refused(atom("pool_size"), atom("infinity")).find("from 1"), std::string::npos);
  EXPECT_NE(refused(atom("path"), number(1)).find("a folder"), std::string::npos);
  EXPECT_NE(refused(atom("path"), string("")).find("a folder"), std::string::npos);
  EXPECT_NE(refused(atom("env"), Map{{{Binary{"A=B"}, atom("c")}}}).find("names"),
            std::string::npos);
  EXPECT_NE(refused(atom("env"), number(1)).find("env"), std::string::npos);
  EXPECT_EQ(refused(atom("sandbox"), Map{{{atom("level"), atom("none")}}})
                .find("the option sandbox.level must be"),
            0u);
  EXPECT_NE(refused(atom("sandbox"), Map{{{atom("lewel"), atom("strict")}}}).find("lewel"),
            std::string::npos);
  EXPECT_NE(refused(atom("sandbox"), Map{{{atom("read"), list({string("/proc")})}}}).find("/proc"),
            std::string::npos);
  EXPECT_NE(refused(atom("sandbox"), number(1)).find("sandbox"), std::string::npos);
  EXPECT_NE(refused(atom("limits"), Map{{{atom("memory"), atom("much")}}}).find("limits.memory"),
            std::string::npos);
  EXPECT_NE(refused(number(1), number(1)).find("atom"), std::string::npos);
  EXPECT_FALSE(read_pool_options("python", number(1)).ok());
  EXPECT_FALSE(read_pool_options("python", list({tuple({atom("a")})})).ok());
}

TEST(PortPool, any_name_has_a_function) {
  EXPECT_EQ(function_of_pool("numbers"), "numbers");
  for (const char* name : {"Numbers", "my pool", "\xCE\xBB", "9"}) {
    EXPECT_TRUE(wire::is_function_name(function_of_pool(name))) << name;
    EXPECT_NE(function_of_pool(name), function_of_pool(std::string{name} + "x"));
  }
}

}  // namespace
}  // namespace trivet::gateway
