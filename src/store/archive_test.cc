#include "store/archive.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "os/library.h"
#include "store/contents.h"
#include "store/libarchive.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

// One entry of a tar archive, byte by byte: what no well-meaning program writes.
struct Member {
  std::string name;
  char type = '0';
  std::string link{};
  std::string bytes{};
  int mode = 0644;
};

void put(std::string& block, size_t at, std::string_view text) {
  block.replace(at, text.size(), text);
}

std::string octal(uint64_t number, int digits) {
  char text[24];
  std::snprintf(text, sizeof text, "%0*llo", digits, static_cast<unsigned long long>(number));
  return text;
}

std::string tar_of(const std::vector<Member>& members) {
  std::string out;
  for (const auto& member : members) {
    std::string block(512, '\0');
    put(block, 0, member.name);
    put(block, 100, octal(static_cast<uint64_t>(member.mode), 7));
    put(block, 108, octal(4242, 7));
    put(block, 116, octal(4242, 7));
    put(block, 124, octal(member.bytes.size(), 11));
    put(block, 136, octal(1'700'000'000, 11));
    put(block, 148, "        ");
    block[156] = member.type;
    put(block, 157, member.link);
    put(block, 257, std::string_view{"ustar\00000", 8});
    unsigned sum = 0;
    for (unsigned char c : block) sum += c;
    put(block, 148, octal(sum, 6));
    out += block + member.bytes + std::string((512 - member.bytes.size() % 512) % 512, '\0');
  }
  return out + std::string(1024, '\0');
}

class ArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "trivet-archive-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
    into = root / "around/into";
    fs::create_directories(into);
  }
  void TearDown() override { fs::remove_all(root); }

  void write(const fs::path& file, std::string_view bytes) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
  }
  std::string read(const fs::path& file) {
    std::stringstream out;
    out << std::ifstream(file, std::ios::binary).rdbuf();
    return out.str();
  }
  Result<Unpacked> unpack_members(const std::vector<Member>& members, UnpackLimits limits = {}) {
    write(root / "a.tar", tar_of(members));
    return unpack(root / "a.tar", into, limits);
  }
  // A folder with something of everything.
  fs::path folder(const std::string& name) {
    fs::path dir = root / name;
    write(dir / "main.x", "main");
    write(dir / "deep/er/\xc3\xa4 name", std::string(100'000, 'x'));
    write(dir / std::string(150, 'l') / std::string(150, 'm'), "long names");
    write(dir / "run.sh", "#!");
    chmod((dir / "run.sh").c_str(), 04711);
    fs::create_directory(dir / "empty");
    fs::create_symlink("deep/er", dir / "link");
    fs::create_symlink("../main.x", dir / "empty/up");
    return dir;
  }

  fs::path root;
  fs::path into;
};

TEST_F(ArchiveTest, what_was_packed_is_unpacked_as_it_was) {
  fs::path dir = folder("one");
  ASSERT_TRUE(pack(dir, root / "a.tar.zst").ok());
  auto unpacked = unpack(root / "a.tar.zst", into);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().text();
  EXPECT_EQ(unpacked->entries, 10u);
  EXPECT_EQ(unpacked->bytes, 100'000u + 4 + 10 + 2);
  EXPECT_EQ(look_at(into)->hash(), look_at(dir)->hash());
  struct stat found {};
  ASSERT_EQ(stat((into / "run.sh").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0755u);
}

TEST_F(ArchiveTest, the_same_input_gives_the_same_bytes) {
  fs::path one = folder("one"), two = folder("two");
  fs::last_write_time(two / "main.x", fs::file_time_type::clock::now() - std::chrono::hours{50});
  chmod((two / "main.x").c_str(), 0600);
  ASSERT_TRUE(pack(one, root / "1").ok());
  ASSERT_TRUE(pack(two, root / "2").ok());
  EXPECT_EQ(read(root / "1"), read(root / "2"));
  write(two / "main.x", "Main");
  ASSERT_TRUE(pack(two, root / "2").ok());
  EXPECT_NE(read(root / "1"), read(root / "2"));
}

TEST_F(ArchiveTest, what_is_left_out_is_not_packed) {
  ASSERT_TRUE(pack(folder("one"), root / "a", [](const std::string& path) {
                return path == "link" || path.starts_with("deep");
              }).ok());
  ASSERT_TRUE(unpack(root / "a", into).ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(into / "link")));
  EXPECT_FALSE(fs::exists(into / "deep"));
  EXPECT_TRUE(fs::exists(into / "main.x"));
}

TEST_F(ArchiveTest, what_would_not_come_back_is_not_packed) {
  fs::path dir = folder("one");
  fs::create_symlink("../../secret", dir / "empty/out");
  Status packed = pack(dir, root / "a");
  ASSERT_FALSE(packed.ok());
  EXPECT_NE(packed.error().message.find("empty/out is a link that may lead out"),
            std::string::npos);
  fs::remove(dir / "empty/out");
  ASSERT_EQ(mkfifo((dir / "empty/pipe").c_str(), 0600), 0);
  EXPECT_NE(pack(dir, root / "a").error().message.find("empty/pipe is no file"), std::string::npos);
}

TEST_F(ArchiveTest, every_usual_format_is_unpacked) {
  auto library = os::Library::open("libarchive.so.13", "libarchive13");
  ASSERT_TRUE(library.ok());
  auto loaded = LibArchive::load();
  ASSERT_TRUE(loaded.ok());
  const LibArchive& lib = **loaded;
  using Set = int(archive*);
  for (std::vector<const char*> sets :
       {std::vector{"archive_write_set_format_ustar", "archive_write_add_filter_none"},
        {"archive_write_set_format_gnutar", "archive_write_add_filter_gzip"},
        {"archive_write_set_format_pax", "archive_write_add_filter_xz"},
        {"archive_write_set_format_pax", "archive_write_add_filter_zstd"},
        {"archive_write_set_format_zip", "archive_write_add_filter_none"}}) {
    archive* to = lib.write_new();
    for (const char* name : sets) {
      Set* set = nullptr;
      ASSERT_TRUE(library->find(name, set));
      ASSERT_EQ(set(to), ARCHIVE_OK) << name;
    }
    FILE* file = std::fopen((root / "a").c_str(), "wb");
    ASSERT_EQ(lib.write_open_fd(to, fileno(file)), ARCHIVE_OK);
    archive_entry* entry = lib.entry_new();
    lib.entry_copy_pathname(entry, "sub/hello");
    lib.entry_set_filetype(entry, AE_IFREG);
    lib.entry_set_perm(entry, 0700);
    lib.entry_set_size(entry, 5);
    ASSERT_EQ(lib.write_header(to, entry), ARCHIVE_OK);
    ASSERT_EQ(lib.write_data(to, "hello", 5), 5);
    lib.entry_free(entry);
    lib.write_free(to);
    std::fclose(file);
    auto unpacked = unpack(root / "a", into);
    ASSERT_TRUE(unpacked.ok()) << sets[0] << sets[1] << unpacked.error().text();
    EXPECT_EQ(read(into / "sub/hello"), "hello") << sets[0] << sets[1];
    EXPECT_EQ(access((into / "sub/hello").c_str(), X_OK), 0) << sets[0] << sets[1];
    fs::remove_all(into);
    fs::create_directory(into);
  }
}

struct Hostile {
  const char* name;
  std::vector<Member> members;
  const char* why;
};

TEST_F(ArchiveTest, what_leads_out_or_is_no_file_is_refused) {
  const std::vector<Hostile> all{
      {"absolute", {{"/tmp/evil", '0', "", "x"}}, "has an absolute path"},
      {"up", {{"../evil", '0', "", "x"}}, "has .. in its path"},
      {"up later", {{"a/b/../../../evil", '0', "", "x"}}, "has .. in its path"},
      {"up at the end", {{"a/..", '5'}}, "has .. in its path"},
      {"folder up", {{"../evil", '5'}}, "has .. in its path"},
      {"no name", {{".", '0', "", "x"}}, "has no name"},
      {"link out", {{"l", '2', "../evil"}}, "may lead out"},
      {"link to the folder around", {{"l", '2', ".."}}, "may lead out"},
      {"absolute link", {{"l", '2', "/etc/passwd"}}, "may lead out"},
      {"link deep out", {{"a/b/l", '2', "../../../evil"}}, "may lead out"},
      {"link that comes back", {{"a/l", '2', "b/../../../x"}}, "may lead out"},
      {"link over a link", {{"a/up", '2', ".."}, {"m", '2', "a/up/../evil"}}, "may lead out"},
      {"through a link", {{"l", '2', "sub"}, {"l/evil", '0', "", "x"}}, "goes through \"l\""},
      {"folder through a link", {{"l", '2', "."}, {"l/", '5'}}, "goes through \"l\""},
      {"through a file", {{"f", '0', "", "x"}, {"f/evil", '0', "", "x"}}, "goes through \"f\""},
      {"hard link out", {{"l", '1', "../../one"}}, "has .. in the target"},
      {"hard link to outside", {{"l", '1', "/etc/passwd"}}, "has an absolute path"},
      {"hard link to nothing", {{"l", '1', "none"}}, "hard link to what is no file"},
      {"hard link to a link",
       {{"s", '2', "f"}, {"f", '0', "", "x"}, {"l", '1', "s"}},
       "hard link to what is no file"},
      {"hard link through a link",
       {{"d/f", '0', "", "x"}, {"s", '2', "d"}, {"l", '1', "s/f"}},
       "hard link to what is no file"},
      {"device", {{"null", '3'}}, "is a device"},
      {"block device", {{"disk", '4'}}, "is a device"},
      {"fifo", {{"pipe", '6'}}, "is a fifo"},
      {"file for a folder", {{"d/", '5'}, {"d", '0', "", "x"}}, "is a folder in an earlier entry"},
  };
  for (const auto& hostile : all) {
    auto unpacked = unpack_members(hostile.members);
    ASSERT_FALSE(unpacked.ok()) << hostile.name;
    EXPECT_EQ(unpacked.error().code, ErrorCode::kInvalidInput) << hostile.name;
    EXPECT_NE(unpacked.error().message.find(hostile.why), std::string::npos)
        << hostile.name << ": " << unpacked.error().message;
    EXPECT_NE(unpacked.error().message.find("entry \"" + hostile.members.back().name),
              std::string::npos)
        << unpacked.error().message;
    fs::remove_all(into);
    EXPECT_TRUE(fs::is_empty(root / "around")) << hostile.name;
    fs::create_directory(into);
  }
}

TEST_F(ArchiveTest, what_is_unusual_but_harmless_is_taken) {
  auto unpacked = unpack_members({{"./", '5'},
                                  {"./a//b/./f", '0', "", "first", 06777},
                                  {"a/b/f", '0', "", "second", 04600},
                                  {"a/hard", '1', "a/b/f"},
                                  {"a/hard", '1', "a/hard"},
                                  {"a/to-the-top", '2', ".."},
                                  {"a/b/l", '2', "../b/f"},
                                  {"dangling", '2', "nowhere"}});
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().text();
  EXPECT_EQ(read(into / "a/b/f"), "second");
  EXPECT_EQ(read(into / "a/hard"), "second");
  EXPECT_EQ(read(into / "a/b/l"), "second");
  struct stat found {};
  ASSERT_EQ(stat((into / "a/b/f").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0644u);
  EXPECT_EQ(found.st_uid, geteuid());
}

// Names are bytes here: nothing folds, resolves or decodes them, so none becomes another.
TEST_F(ArchiveTest, names_that_look_alike_or_like_ways_out_are_names) {
  const std::vector<std::string> names{"a",
                                       "A",
                                       "e\xcc\x81",
                                       "\xc3\xa9",
                                       "..\\evil",
                                       "%2e%2e",
                                       "...",
                                       ".. ",
                                       " ..",
                                       "C:evil",
                                       "\xe2\x80\xae"
                                       "gpj.x",
                                       "\xef\xbc\x8e\xef\xbc\x8e",
                                       "con",
                                       "-rf",
                                       "~",
                                       "$(x)",
                                       "a\nb"};
  std::vector<Member> members;
  for (const auto& name : names) members.push_back({name, '0', "", "of " + name});
  auto unpacked = unpack_members(members);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().text();
  for (const auto& name : names) EXPECT_EQ(read(into / name), "of " + name) << name;
  size_t found = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(into)) ++found;
  EXPECT_EQ(found, names.size());
}

TEST_F(ArchiveTest, an_archive_over_a_limit_is_refused) {
  std::vector<Member> three{{"a", '0', "", "12345"}, {"b", '0', "", "12345"}, {"c/", '5'}};
  EXPECT_TRUE(unpack_members(three, {3, 10, 100}).ok());
  EXPECT_EQ(unpack_members(three, {2, 10, 100}).error().message,
            "a.tar: entry \"c/\": the archive has more than 2 entries");
  auto large = unpack_members(three, {3, 9, 100});
  EXPECT_EQ(large.error().code, ErrorCode::kPayloadTooLarge);
  EXPECT_EQ(large.error().message, "a.tar: entry \"b\": the archive has more than 9 bytes");
  EXPECT_EQ(unpack_members({{std::string(50, 'n')}}, {3, 9, 49}).error().code,
            ErrorCode::kPayloadTooLarge);
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "d/";
  fs::path dir = root / "deep";
  fs::create_directories(dir / deep);
  ASSERT_TRUE(pack(dir, root / "deep.tar.zst").ok());
  EXPECT_EQ(unpack(root / "deep.tar.zst", into).error().code, ErrorCode::kPayloadTooLarge);
}

TEST_F(ArchiveTest, a_bomb_is_stopped_at_the_limit) {
  fs::path dir = root / "bomb";
  write(dir / "zeros", "");
  fs::resize_file(dir / "zeros", 64 << 20);
  ASSERT_TRUE(pack(dir, root / "bomb.tar.zst").ok());
  EXPECT_LT(fs::file_size(root / "bomb.tar.zst"), 64u << 10);
  EXPECT_EQ(unpack(root / "bomb.tar.zst", into, {10, 1 << 20, 100}).error().code,
            ErrorCode::kPayloadTooLarge);
  EXPECT_LE(bytes_below(into), 1u << 20);
}

TEST_F(ArchiveTest, what_is_no_archive_or_was_cut_is_refused) {
  for (std::string_view bytes : {"", "no archive at all", "PK", "\x28\xb5\x2f\xfd garbage"}) {
    write(root / "a", bytes);
    auto unpacked = unpack(root / "a", into);
    ASSERT_FALSE(unpacked.ok()) << bytes;
    EXPECT_EQ(unpacked.error().code, ErrorCode::kInvalidInput) << unpacked.error().text();
  }
  EXPECT_EQ(unpack(root / "none", into).error().code, ErrorCode::kIo);
  ASSERT_TRUE(pack(folder("one"), root / "a").ok());
  std::string whole = read(root / "a");
  for (size_t size = 1; size < whole.size() - 16; size += 7) {
    write(root / "a", std::string_view{whole}.substr(0, size));
    EXPECT_FALSE(unpack(root / "a", into).ok()) << size;
    fs::remove_all(into);
    fs::create_directory(into);
  }
}

TEST(Links, stay_inside_when_they_go_up_at_first_only_and_not_above) {
  for (auto [path, target] : {std::pair{"l", "x"},
                              {"l", "x/y"},
                              {"a/l", ".."},
                              {"a/l", "../x"},
                              {"a/b/l", "../../x"},
                              {"l", "./x"},
                              {"l", "..x"},
                              {"l", "x..y"}})
    EXPECT_TRUE(stays_inside(path, target)) << path << " " << target;
  for (auto [path, target] : {std::pair{"l", ".."},
                              {"l", "../x"},
                              {"a/l", "../.."},
                              {"a/l", "x/../y"},
                              {"l", "/x"},
                              {"l", ""},
                              {"./l", "../x"},
                              {"a/l", "./../../x"}})
    EXPECT_FALSE(stays_inside(path, target)) << path << " " << target;
}

TEST(Library, one_that_there_is_not_is_named_with_its_package) {
  auto library = os::Library::open("libnone.so.9", "libnone9");
  ASSERT_FALSE(library.ok());
  EXPECT_EQ(library.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(library.error().message.find("libnone.so.9"), std::string::npos);
  EXPECT_EQ(library.error().hint, "apt-get install libnone9");
}

}  // namespace
}  // namespace trivet::store
