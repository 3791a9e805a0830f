#include "vault/tokens.h"

#include <gtest/gtest.h>

#include <fstream>

#include "vault/files.h"

namespace trivet::vault {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  fs::path dir;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "tokens-XXXXXX").string();
    dir = mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(dir); }
};

Scopes scopes(std::string_view text) { return *Scopes::parse(text); }

TEST(Scopes, say_what_a_token_may_do) {
  EXPECT_TRUE(scopes("admin").may_read());
  EXPECT_TRUE(scopes("admin").may_invoke("f"));
  EXPECT_FALSE(scopes("read").may_invoke("f"));
  EXPECT_FALSE(scopes("invoke").may_read());
  EXPECT_TRUE(scopes("invoke").may_invoke("f"));
  EXPECT_TRUE(scopes("invoke:f,invoke:g").may_invoke("g"));
  EXPECT_FALSE(scopes("invoke:f").may_invoke("ff"));
  EXPECT_FALSE(scopes("read").admin);
  EXPECT_EQ(scopes("invoke:g,read,invoke:f,invoke:g").text(), "read,invoke:f,invoke:g");
  for (const char* text : {"", "Admin", "invoke:", "invoke:No", "read,,admin", "read ", "*"})
    EXPECT_FALSE(Scopes::parse(text).ok()) << text;
}

TEST(AccessTokens, a_token_is_told_once_and_only_its_hash_is_kept) {
  Scratch scratch;
  std::string token;
  {
    AccessTokens tokens{scratch.dir / "vault"};
    EXPECT_FALSE(tokens.any(0));
    auto made = tokens.add(scopes("read"), "laptop", 0, 1000);
    ASSERT_TRUE(made.ok());
    token = *made;
  }
  EXPECT_EQ(token.size(), 4u + 16 + 1 + 64);
  auto text = read_file(scratch.dir / "vault/tokens", 1 << 20);
  EXPECT_EQ((*text)->find(token.substr(21)), std::string::npos);
  AccessTokens tokens{scratch.dir / "vault"};
  auto row = tokens.verify(token, 2000);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->name + " " + row->scopes.text(), "laptop read");
  EXPECT_TRUE(tokens.any(2000));
  for (size_t at = 0; at < token.size(); ++at) {
    std::string other = token;
    other[at] = other[at] == '0' ? '1' : '0';
    EXPECT_FALSE(tokens.verify(other, 2000)) << at;
  }
  for (const std::string& other :
       {std::string{}, token + "0", token.substr(1), std::string(85, '0')})
    EXPECT_FALSE(tokens.verify(other, 2000)) << other;
}

TEST(AccessTokens, expire_and_are_swept) {
  Scratch scratch;
  AccessTokens tokens{scratch.dir};
  std::string token = *tokens.add(scopes("admin"), "", 5000, 1000);
  EXPECT_TRUE(tokens.verify(token, 4999));
  EXPECT_FALSE(tokens.verify(token, 5000));
  EXPECT_FALSE(tokens.any(5000));
  EXPECT_TRUE(tokens.add(scopes("admin"), "", 0, 6000).ok());
  EXPECT_EQ(tokens.list()->size(), 1u);
}

TEST(AccessTokens, are_removed_by_id_or_by_name) {
  Scratch scratch;
  AccessTokens tokens{scratch.dir};
  std::string first = *tokens.add(scopes("admin"), "ci", 0, 1),
              second = *tokens.add(scopes("read"), "ci", 0, 2);
  EXPECT_EQ(tokens.remove("ci").error().code, ErrorCode::kInvalidInput);
  EXPECT_TRUE(tokens.remove(first.substr(4, 16)).ok());
  EXPECT_FALSE(tokens.verify(first, 3));
  EXPECT_TRUE(tokens.remove("ci").ok());
  EXPECT_EQ(tokens.remove("ci").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(tokens.remove("").error().code, ErrorCode::kNotFound);
}

TEST(AccessTokens, what_another_process_changes_is_seen_after_a_reload) {
  Scratch scratch;
  AccessTokens server{scratch.dir}, command{scratch.dir};
  std::string token = *command.add(scopes("admin"), "", 0, 1);
  EXPECT_FALSE(server.verify(token, 2));
  server.reload();
  EXPECT_TRUE(server.verify(token, 2));
  ASSERT_TRUE(command.remove(token.substr(4, 16)).ok());
  server.reload();
  EXPECT_FALSE(server.verify(token, 2));
}

TEST(AccessTokens, a_damaged_file_lets_nobody_in_and_is_not_written_over) {
  Scratch scratch;
  AccessTokens tokens{scratch.dir};
  std::string token = *tokens.add(scopes("admin"), "", 0, 1);
  auto good = **read_file(scratch.dir / "tokens", 1 << 20);
  EXPECT_EQ(format_tokens(*parse_tokens(good)), good);
  for (const std::string& text :
       {std::string{}, std::string{"{}"}, good.substr(0, good.size() / 2), "[" + good + "]"}) {
    std::ofstream(scratch.dir / "tokens", std::ios::trunc) << text;
    AccessTokens again{scratch.dir};
    EXPECT_FALSE(again.verify(token, 2));
    EXPECT_FALSE(again.list().ok());
    EXPECT_FALSE(again.add(scopes("read"), "", 0, 1).ok());
    EXPECT_EQ(**read_file(scratch.dir / "tokens", 1 << 20), text);
  }
}

}  // namespace
}  // namespace trivet::vault
