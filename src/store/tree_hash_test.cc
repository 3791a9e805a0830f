#include "store/tree_hash.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

class TreeHashTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trivet-tree-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir = name;
    put("main.x", "main");
    put("lib/part.x", "part");
  }
  void TearDown() override { fs::remove_all(dir); }

  void put(const std::string& name, std::string_view bytes) {
    fs::create_directories((dir / name).parent_path());
    std::ofstream(dir / name, std::ios::binary) << bytes;
  }
  std::string hash(const std::vector<std::string>& globs = {}) {
    ContentHash content;
    Status added = content.add_tree(dir, globs);
    EXPECT_TRUE(added.ok()) << added.error().text();
    return content.hex();
  }

  fs::path dir;
};

TEST_F(TreeHashTest, is_64_digits_and_the_same_each_time) {
  std::string first = hash();
  EXPECT_EQ(first.size(), 64u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(hash(), first);
}

TEST_F(TreeHashTest, changes_with_the_content_of_any_file) {
  std::string before = hash();
  put("lib/part.x", "Part");
  std::string after = hash();
  EXPECT_NE(after, before);
  put("lib/part.x", "part");
  EXPECT_EQ(hash(), before);
}

TEST_F(TreeHashTest, changes_with_names) {
  std::string before = hash();
  fs::rename(dir / "main.x", dir / "other.x");
  EXPECT_NE(hash(), before);
  fs::rename(dir / "other.x", dir / "lib/main.x");
  EXPECT_NE(hash(), before);
}

TEST_F(TreeHashTest, changes_when_a_file_comes_even_an_empty_one) {
  std::string before = hash();
  put("empty.x", "");
  EXPECT_NE(hash(), before);
  fs::remove(dir / "empty.x");
  EXPECT_EQ(hash(), before);
}

TEST_F(TreeHashTest, changes_when_two_files_swap_their_content) {
  std::string before = hash();
  put("main.x", "part");
  put("lib/part.x", "main");
  EXPECT_NE(hash(), before);
}

TEST_F(TreeHashTest, does_not_depend_on_where_the_folder_is) {
  std::string before = hash();
  fs::path elsewhere = dir.string() + "-elsewhere";
  fs::rename(dir, elsewhere);
  ContentHash content;
  EXPECT_TRUE(content.add_tree(elsewhere, {}).ok());
  EXPECT_EQ(content.hex(), before);
  fs::rename(elsewhere, dir);
}

TEST_F(TreeHashTest, does_not_depend_on_the_order_in_which_files_came) {
  std::string before = hash();
  fs::remove_all(dir / "lib");
  fs::remove(dir / "main.x");
  put("lib/part.x", "part");
  put("main.x", "main");
  EXPECT_EQ(hash(), before);
}

TEST_F(TreeHashTest, takes_files_in_the_order_of_their_names) {
  fs::remove_all(dir / "lib");
  fs::remove(dir / "main.x");
  ContentHash in_order;
  for (char c = 'a'; c <= 'z'; ++c) {
    put(std::string{static_cast<char>('z' - (c - 'a'))}, "x");
    in_order.add(std::string{c}, "x");
  }
  EXPECT_EQ(hash(), in_order.hex());
}

TEST_F(TreeHashTest, leaves_out_what_is_nobodys_source) {
  std::string before = hash();
  for (auto name : {".git/HEAD", ".env/x", "node_modules/a/index.js", "lib/__pycache__/a.pyc"})
    put(name, "x");
  EXPECT_EQ(hash(), before) << "a folder";
  for (auto name : {".hidden", "lib/.part.x.swp", "main.x~", "lib/x.swp"}) {
    put(name, "x");
    EXPECT_EQ(hash(), before) << name;
  }
}

TEST_F(TreeHashTest, with_globs_only_files_that_match_count) {
  std::string before = hash({"**/*.x"});
  put("notes.txt", "x");
  EXPECT_EQ(hash({"**/*.x"}), before);
  put("lib/deep/more.x", "x");
  EXPECT_NE(hash({"**/*.x"}), before);
  EXPECT_EQ(hash({"no such file"}), ContentHash{}.hex());
}

TEST_F(TreeHashTest, any_of_several_globs_is_enough) {
  std::string before = hash({"*.x", "lib/*.x"});
  EXPECT_EQ(before, hash());
  EXPECT_NE(before, hash({"*.x"}));
}

TEST_F(TreeHashTest, what_is_no_regular_file_is_left_out_and_does_not_block) {
  std::string before = hash();
  ASSERT_EQ(mkfifo((dir / "pipe.x").c_str(), 0600), 0);
  fs::create_directory(dir / "empty");
  EXPECT_EQ(hash(), before);
}

TEST_F(TreeHashTest, links_that_lead_nowhere_or_round_in_circles_do_no_harm) {
  std::string before = hash();
  fs::create_symlink("nowhere", dir / "broken.x");
  fs::create_symlink("self.x", dir / "self.x");
  fs::create_directory_symlink("..", dir / "lib/up");
  EXPECT_EQ(hash(), before);
}

TEST_F(TreeHashTest, a_link_to_a_file_counts_as_the_file) {
  fs::create_symlink("../main.x", dir / "lib/link.x");
  std::string before = hash();
  put("lib/link.x", "written through the link");
  EXPECT_NE(hash(), before);
}

TEST_F(TreeHashTest, a_folder_that_is_not_there_is_an_error_with_its_name) {
  ContentHash content;
  Status added = content.add_tree(dir / "nowhere", {});
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_NE(added.error().message.find((dir / "nowhere").string()), std::string::npos);
}

TEST_F(TreeHashTest, one_file_counts_by_its_name_and_its_content) {
  auto one = [this](const std::string& name) {
    ContentHash content;
    EXPECT_TRUE(content.add_file(dir / name).ok());
    return content.hex();
  };
  put("lib/main.x", "main");
  EXPECT_EQ(one("main.x"), one("lib/main.x"));
  put("lib/main.x", "main2");
  EXPECT_NE(one("main.x"), one("lib/main.x"));
  put("lib/other.x", "main");
  EXPECT_NE(one("main.x"), one("lib/other.x"));
}

TEST_F(TreeHashTest, one_file_that_is_not_there_is_an_error_with_its_name) {
  ContentHash content;
  Status added = content.add_file(dir / "nowhere.x");
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, ErrorCode::kIo);
  EXPECT_NE(added.error().message.find("nowhere.x"), std::string::npos);
}

std::string hash_of(std::initializer_list<std::pair<std::string_view, std::string_view>> parts) {
  ContentHash content;
  for (auto [name, bytes] : parts) content.add(name, bytes);
  return content.hex();
}

TEST(ContentHash, parts_do_not_run_into_each_other) {
  EXPECT_NE(hash_of({{"a", "bc"}}), hash_of({{"ab", "c"}}));
  EXPECT_NE(hash_of({{"a", "b"}, {"c", "d"}}), hash_of({{"a", "bcd"}}));
  EXPECT_NE(hash_of({{"", ""}}), hash_of({}));
  std::string zeros(8, '\0');  // as long as a length
  EXPECT_NE(hash_of({{"a" + zeros + "b", "c"}}), hash_of({{"a", "b" + zeros + "c"}}));
}

TEST(ContentHash, depends_on_the_order_of_parts) {
  EXPECT_NE(hash_of({{"a", "1"}, {"b", "2"}}), hash_of({{"b", "2"}, {"a", "1"}}));
}

TEST(ContentHash, reading_it_does_not_end_it) {
  ContentHash content;
  content.add("a", "1");
  std::string first = content.hex();
  EXPECT_EQ(content.hex(), first);
  content.add("b", "2");
  EXPECT_NE(content.hex(), first);
}

}  // namespace
}  // namespace trivet::store
