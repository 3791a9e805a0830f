#include "store/contents.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>

namespace trivet::store {
namespace {

Contents some_contents() {
  Contents contents;
  contents.needs = {std::string(64, 'b')};
  contents.entries = {{'d', false, 0, 0, "", "", "a folder"},
                      {'f', true, 5, -7, std::string(64, 'c'), "", "a folder/100%\n"},
                      {'l', false, 0, 0, "", "../x y", "link"}};
  return contents;
}

TEST(Contents, as_text_and_back) {
  auto read = read_contents(to_text(some_contents()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, some_contents());
}

TEST(Contents, text_that_is_not_whole_is_refused) {
  std::string text = to_text(some_contents());
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_FALSE(read_contents(text.substr(0, size)).ok()) << size;
  EXPECT_FALSE(read_contents(text + "f").ok());
  EXPECT_FALSE(read_contents(text + "d more\n").ok());
}

TEST(Contents, what_is_no_file_is_named_and_not_waited_for) {
  std::string dir = "/tmp/trivet-contents-XXXXXX";
  ASSERT_NE(mkdtemp(dir.data()), nullptr);
  ASSERT_EQ(mkfifo((dir + "/pipe").c_str(), 0600), 0);
  auto contents = look_at(dir);
  ASSERT_FALSE(contents.ok());
  EXPECT_EQ(contents.error().message, dir + "/pipe is no file, folder or link");
  std::filesystem::remove_all(dir);
}

TEST(Contents, the_hash_depends_on_what_is_in_it_and_not_on_times) {
  Contents contents = some_contents();
  std::string hash = contents.hash();
  contents.entries[1].mtime = 99;
  EXPECT_EQ(contents.hash(), hash);
  contents.entries[1].is_program = false;
  EXPECT_NE(contents.hash(), hash);
  contents = some_contents();
  contents.entries[2].target = "../x";
  EXPECT_NE(contents.hash(), hash);
}

}  // namespace
}  // namespace trivet::store
