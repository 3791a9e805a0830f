// Artifacts go from one cache to another through a shared folder.
#include "store/transfer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "store/folder.h"
#include "store/parcel.h"
#include "store/pruning.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

const std::string kFirst(64, 'a'), kSecond(64, 'b');
constexpr uint64_t kMost = 1 << 20;

class TransferTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trivet-transfer-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    here.emplace(root / "here");
    there.emplace(root / "there");
    shared.emplace(root / "shared");
    auto making = here->begin(kFirst, "");
    ASSERT_TRUE(making.ok());
    put(*making / "files/packages/one.x", "one");
    fs::create_symlink("one.x", *making / "files/packages/link");
    fs::create_directory(*making / "files/packages/empty");
    ASSERT_TRUE(here->keep(*making, kFirst).ok());
    making = here->begin(kSecond, kFirst);
    put(*making / "files/app", "app");
    fs::permissions(*making / "files/app", fs::perms::owner_all);
    ASSERT_TRUE(here->keep(*making, kSecond).ok());
  }
  void TearDown() override {
    here.reset();
    there.reset();
    fs::remove_all(root);
  }
  void put(const fs::path& file, std::string_view bytes) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
  }
  std::string read(const fs::path& file) {
    std::stringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
  }
  fs::path object(const std::string& key) { return root / "shared" / (key + ".tar.zst"); }
  size_t makings(const char* cache) {
    size_t out = 0;
    for (const auto& entry : fs::directory_iterator(root / cache / "artifacts"))
      out += !is_key(entry.path().filename().string());
    return out;
  }
  void push_both() {
    for (const auto& key : {kFirst, kSecond}) {
      auto pushed = push(*here, *shared, key, false);
      ASSERT_TRUE(pushed.ok()) << pushed.error().text();
      EXPECT_TRUE(*pushed);
    }
  }

  fs::path root;
  std::optional<Store> here, there;
  std::optional<FolderStore> shared;
};

TEST_F(TransferTest, an_artifact_arrives_with_what_it_needs) {
  push_both();
  Status pulled = pull(*shared, *there, kSecond, kMost);
  ASSERT_TRUE(pulled.ok()) << pulled.error().text();
  EXPECT_EQ(read(there->files_of(kSecond) / "packages/one.x"), "one");
  EXPECT_EQ(read(there->files_of(kSecond) / "packages/link"), "one");
  EXPECT_EQ(access((there->files_of(kSecond) / "app").c_str(), X_OK), 0);
  EXPECT_EQ(contents_of(root / "there/artifacts" / kSecond)->hash(),
            contents_of(root / "here/artifacts" / kSecond)->hash());
  Store next{root / "there"};
  std::string damage;
  EXPECT_TRUE(next.use(kSecond, damage)) << damage;
  EXPECT_EQ(makings("here") + makings("there"), 0u);
}

TEST_F(TransferTest, what_is_there_is_not_sent_again_unless_it_is_replaced) {
  push_both();
  std::string before = read(object(kFirst));
  EXPECT_FALSE(*push(*here, *shared, kFirst, false));
  put(object(kFirst), "broken");
  EXPECT_FALSE(*push(*here, *shared, kFirst, false));
  EXPECT_TRUE(*push(*here, *shared, kFirst, true));
  EXPECT_EQ(read(object(kFirst)), before) << "the same artifact is the same bytes";
}

TEST_F(TransferTest, what_is_not_there_is_not_found) {
  EXPECT_EQ(pull(*shared, *there, kFirst, kMost).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(push(*there, *shared, kFirst, false).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(makings("there"), 0u);
}

TEST_F(TransferTest, a_changed_or_cut_parcel_is_refused_and_nothing_is_left) {
  push_both();
  const std::string whole = read(object(kFirst));
  for (size_t at = 0; at < whole.size(); at += 9) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    put(object(kFirst), bytes);
    EXPECT_EQ(pull(*shared, *there, kFirst, kMost).error().code, ErrorCode::kInvalidInput) << at;
    put(object(kFirst), whole.substr(0, at));
    EXPECT_EQ(pull(*shared, *there, kFirst, kMost).error().code, ErrorCode::kInvalidInput) << at;
  }
  EXPECT_TRUE(fs::is_empty(root / "there/artifacts"));
}

TEST_F(TransferTest, one_with_other_contents_than_its_label_says_is_refused) {
  put(here->files_of(kFirst) / "packages/one.x", "two");  // behind its description's back
  fs::create_directory(root / "shared");
  ASSERT_TRUE(make_parcel(root / "here/artifacts" / kFirst, object(kFirst)).ok());
  ASSERT_TRUE(check_parcel(object(kFirst)).ok());
  Status pulled = pull(*shared, *there, kFirst, kMost);
  EXPECT_EQ(pulled.error().code, ErrorCode::kInvalidInput);
  EXPECT_NE(pulled.error().message.find("is not what its label says"), std::string::npos);
  EXPECT_TRUE(fs::is_empty(root / "there/artifacts"));
}

TEST_F(TransferTest, one_over_the_limit_is_refused) {
  push_both();
  EXPECT_EQ(pull(*shared, *there, kFirst, 2).error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_TRUE(fs::is_empty(root / "there/artifacts"));
}

TEST_F(TransferTest, what_an_artifact_got_later_stays_here) {
  put(here->files_of(kFirst) / "packages/later", "x");
  push_both();
  ASSERT_TRUE(pull(*shared, *there, kFirst, kMost).ok());
  EXPECT_FALSE(fs::exists(there->files_of(kFirst) / "packages/later"));
}

TEST_F(TransferTest, a_folder_counts_what_it_has_and_drops_what_was_not_finished) {
  push_both();
  auto amount = shared->amount();
  EXPECT_EQ(amount->objects, 2u);
  EXPECT_EQ(amount->bytes, fs::file_size(object(kFirst)) + fs::file_size(object(kSecond)));
  put(root / "shared" / (kFirst + ".0123.coming"), "half");
  EXPECT_EQ(*shared->drop_unfinished(std::chrono::hours{1}), 0u);
  EXPECT_EQ(*shared->drop_unfinished(Duration::zero()), 1u);
  EXPECT_EQ(shared->amount()->objects, 2u);
}

TEST(Label, as_text_and_back_and_never_with_links_that_lead_elsewhere) {
  Label label{std::string(64, '1'), {{kFirst}, {}}};
  auto entry = [](const std::string& path, const std::string& target) {
    Entry out;
    out.kind = 'l';
    out.path = path;
    out.target = target;
    return out;
  };
  label.links.entries = {entry("packages", "../../" + kFirst + "/files/packages")};
  auto read = read_label(to_text(label));
  ASSERT_TRUE(read.ok()) << read.error().text();
  EXPECT_EQ(*read, label);
  const Label good = label;
  for (const auto& bad :
       {entry("packages", "../../../etc"), entry("packages", "../../" + kFirst + "/files/.."),
        entry("packages", "../../" + kFirst + "/files/a/../../.."), entry("packages", "/etc"),
        entry("a/b", "../../" + kFirst + "/files/x"), entry("..", "../../" + kFirst + "/files/x"),
        entry("x", "../../" + std::string(64, 'A') + "/files/x")}) {
    label = good;
    label.links.entries.push_back(bad);
    EXPECT_FALSE(read_label(to_text(label)).ok()) << bad.path << " " << bad.target;
  }
  label = good;
  label.links.needs = {"../x"};
  EXPECT_FALSE(read_label(to_text(label)).ok());
  std::string text = to_text(good);
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(read_label(text.substr(0, size)).ok()) << size;
}

}  // namespace
}  // namespace trivet::store
