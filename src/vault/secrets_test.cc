#include "vault/secrets.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "vault/files.h"

namespace trivet::vault {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  fs::path dir;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "vault-XXXXXX").string();
    dir = mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(dir); }
};

std::string read(const fs::path& file) {
  auto text = read_file(file, kFileMost);
  return text && *text ? **text : "";
}

void write(const fs::path& file, const std::string& text, mode_t mode = 0600) {
  std::ofstream(file, std::ios::binary) << text;
  chmod(file.c_str(), mode);
}

mode_t mode_of(const fs::path& file) {
  struct stat found {};
  stat(file.c_str(), &found);
  return found.st_mode & 0777;
}

const SecretName kOfAll{"", "STRIPE_KEY"}, kOfPay{"pay", "STRIPE_KEY"};

TEST(Secrets, are_there_after_a_restart_and_no_file_holds_their_value) {
  Scratch scratch;
  fs::path dir = scratch.dir / "vault";
  std::string made;
  {
    Secrets secrets{dir, ""};
    ASSERT_TRUE(secrets.set(kOfAll, "sk_live_of_all", 1000, &made).ok());
    EXPECT_EQ(made, (dir / "secrets.key").string());
    made.clear();
    ASSERT_TRUE(secrets.set(kOfPay, "sk_live_of_pay", 2000, &made).ok());
    EXPECT_EQ(made, "");
  }
  Secrets secrets{dir, ""};
  auto values = secrets.current();
  EXPECT_EQ(*values->find("pay", "STRIPE_KEY"), "sk_live_of_pay");
  EXPECT_EQ(*values->find("mail", "STRIPE_KEY"), "sk_live_of_all");
  EXPECT_EQ(values->find("mail", "OTHER"), nullptr);
  auto rows = secrets.list();
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[1].function, "pay");
  EXPECT_EQ((*rows)[1].updated_ms, 2000);
  EXPECT_EQ(mode_of(dir), 0700u);
  for (const auto& entry : fs::directory_iterator(dir)) {
    EXPECT_EQ(read(entry.path()).find("sk_live"), std::string::npos) << entry.path();
    EXPECT_EQ(mode_of(entry.path()), 0600u) << entry.path();
  }
}

TEST(Secrets, that_are_removed_are_gone_and_others_stay) {
  Scratch scratch;
  Secrets secrets{scratch.dir, ""};
  ASSERT_TRUE(secrets.set(kOfAll, "one", 1).ok());
  ASSERT_TRUE(secrets.set(kOfPay, "two", 1).ok());
  auto before = secrets.current();
  EXPECT_TRUE(secrets.remove(kOfPay).ok());
  EXPECT_EQ(secrets.remove(kOfPay).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*before->find("pay", "STRIPE_KEY"), "two");  // a snapshot does not change
  Secrets again{scratch.dir, ""};
  EXPECT_EQ(*again.current()->find("pay", "STRIPE_KEY"), "one");
}

TEST(Secrets, names_and_values_that_cannot_be_variables_are_refused) {
  Scratch scratch;
  Secrets secrets{scratch.dir, ""};
  for (const char* name : {"", "1A", "A-B", "A=B", "A B", "Ä"})
    EXPECT_EQ(secrets.set({"", name}, "x", 1).error().code, ErrorCode::kInvalidInput) << name;
  EXPECT_FALSE(secrets.set({"", std::string(kNameMost + 1, 'A')}, "x", 1).ok());
  EXPECT_TRUE(secrets.set({"", std::string(kNameMost, 'A')}, "x", 1).ok());
  EXPECT_FALSE(secrets.set({"Not a function", "A"}, "x", 1).ok());
  for (const std::string& value : {std::string{}, std::string{"a\0b", 3}, std::string{"\xff"},
                                   std::string(kValueMost + 1, 'x')})
    EXPECT_FALSE(secrets.set({"", "A"}, value, 1).ok());
  EXPECT_TRUE(secrets.set({"", "B"}, std::string(kValueMost, 'x'), 1).ok());
}

TEST(Secrets, every_damaged_byte_is_noticed_and_nothing_is_written_over) {
  Scratch scratch;
  ASSERT_TRUE(Secrets(scratch.dir, "").set(kOfAll, "value", 1).ok());
  const fs::path file = scratch.dir / "secrets";
  const std::string whole = read(file);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write(file, bytes);
    Secrets secrets{scratch.dir, ""};
    ASSERT_TRUE(secrets.current()->failure) << at;
    EXPECT_FALSE(secrets.list().ok());
    EXPECT_FALSE(secrets.set({"", "OTHER"}, "x", 1).ok());
    EXPECT_FALSE(secrets.remove(kOfAll).ok());
    ASSERT_EQ(read(file), bytes);
  }
  for (size_t length = 0; length < whole.size(); ++length) {
    write(file, whole.substr(0, length));
    EXPECT_TRUE(Secrets(scratch.dir, "").current()->failure) << length;
  }
}

TEST(Secrets, a_file_that_is_mended_is_read_again_and_what_was_known_stays_meanwhile) {
  Scratch scratch;
  Secrets secrets{scratch.dir, ""};
  ASSERT_TRUE(secrets.set(kOfAll, "value", 1).ok());
  EXPECT_FALSE(secrets.reload());
  const std::string whole = read(scratch.dir / "secrets");
  write(scratch.dir / "secrets", "nonsense");
  secrets.reload();
  EXPECT_NE(secrets.list().error().message.find("no file of secrets"), std::string::npos);
  EXPECT_EQ(*secrets.current()->find("", "STRIPE_KEY"), "value");
  write(scratch.dir / "secrets", whole);
  secrets.reload();
  EXPECT_TRUE(secrets.list().ok());
}

TEST(Secrets, another_key_and_a_missing_one_are_told_apart_from_damage) {
  Scratch scratch;
  ASSERT_TRUE(Secrets(scratch.dir, "").set(kOfAll, "value", 1).ok());
  const std::string own = read(scratch.dir / "secrets.key");
  write(scratch.dir / "secrets.key", std::string(64, 'a'));
  EXPECT_NE(Secrets(scratch.dir, "").current()->failure->message.find("another key"),
            std::string::npos);
  fs::remove(scratch.dir / "secrets.key");
  Secrets without{scratch.dir, ""};
  EXPECT_NE(without.current()->failure->message.find("is missing"), std::string::npos);
  EXPECT_FALSE(without.set({"", "A"}, "x", 1).ok());
  EXPECT_FALSE(fs::exists(scratch.dir / "secrets.key"));  // none is made that would not fit
  write(scratch.dir / "elsewhere", own);
  EXPECT_FALSE(Secrets(scratch.dir, scratch.dir / "elsewhere").current()->failure);
}

TEST(Secrets, a_key_that_others_may_read_or_that_is_none_is_refused) {
  Scratch scratch;
  const std::string key(64, '7');
  write(scratch.dir / "key", key, 0644);
  Secrets open{scratch.dir, scratch.dir / "key"};
  EXPECT_NE(open.current()->failure->hint.find("chmod 600"), std::string::npos);
  for (const std::string& text : {std::string(63, '7'), std::string(65, '7'), std::string(64, 'g'),
                                  std::string{}, std::string(31, 'x'), std::string(33, '7')}) {
    write(scratch.dir / "key", text);
    EXPECT_TRUE(Secrets(scratch.dir, scratch.dir / "key").current()->failure) << text;
  }
  for (const std::string& text : {key, key + "\n", "  " + key + "\r\n", std::string(32, '\xff')}) {
    write(scratch.dir / "key", text, 0640);
    EXPECT_FALSE(Secrets(scratch.dir, scratch.dir / "key").current()->failure) << text;
  }
  EXPECT_TRUE(Secrets(scratch.dir, scratch.dir / "none").current()->failure);
}

TEST(Secrets, the_credential_of_the_service_manager_is_used_and_none_is_made) {
  Scratch scratch;
  write(scratch.dir / "trivet-secrets-key", std::string(64, '1'), 0400);
  EXPECT_EQ(key_place("/d", "", scratch.dir.c_str()).file, scratch.dir / "trivet-secrets-key");
  EXPECT_EQ(key_place("/d", "/named", scratch.dir.c_str()).file, "/named");
  EXPECT_EQ(key_place("/d", "", nullptr).file, "/d/secrets.key");
  EXPECT_EQ(key_place("/d", "", "/nowhere").file, "/d/secrets.key");
}

TEST(Secrets, a_value_belongs_to_its_name) {
  Key key = *parse_key(std::string(64, '3'));
  Sealed sealed = seal(kOfPay, "value", 5, key);
  EXPECT_EQ(*unseal(kOfPay, sealed, key), "value");
  EXPECT_FALSE(unseal(kOfAll, sealed, key).ok());
  sealed.updated_ms = 6;
  EXPECT_FALSE(unseal(kOfPay, sealed, key).ok());
}

TEST(Secrets, two_that_write_at_once_lose_nothing) {
  Scratch scratch;
  Secrets one{scratch.dir, ""}, other{scratch.dir, ""};
  ASSERT_TRUE(one.set({"", "A"}, "first", 1).ok());
  ASSERT_TRUE(other.set({"", "B"}, "second", 1).ok());
  EXPECT_NE(other.current()->find("", "A"), nullptr);
  EXPECT_TRUE(one.reload());
  EXPECT_EQ(*one.current()->find("", "B"), "second");
}

// As a full disk does: the write stops in the middle.
TEST(Secrets, a_write_that_fails_leaves_what_was_there) {
  Scratch scratch;
  Secrets secrets{scratch.dir, ""};
  ASSERT_TRUE(secrets.set(kOfAll, "value", 1).ok());
  const std::string before = read(scratch.dir / "secrets");
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  auto was = std::signal(SIGXFSZ, SIG_IGN);
  rlimit tight{64, old.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  Status set = secrets.set({"", "BIG"}, std::string(1000, 'x'), 1);
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, was);
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().code, ErrorCode::kIo);
  EXPECT_EQ(read(scratch.dir / "secrets"), before);
  EXPECT_EQ(secrets.current()->find("", "BIG"), nullptr);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(scratch.dir)) ++files;
  EXPECT_EQ(files, 3u);  // secrets, secrets.key, lock: nothing half made
  EXPECT_TRUE(secrets.set({"", "BIG"}, "now", 1).ok());
}

}  // namespace
}  // namespace trivet::vault
