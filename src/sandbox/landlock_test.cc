#include "sandbox/landlock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sandbox/testing.h"

namespace trivet::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr int kNotEntered = 250;

int errno_if(bool is_failed) { return is_failed ? errno : 0; }

// Every try is made twice: with Landlock it must fail as said, without it succeed.
class Landlock : public testing::Test {
 protected:
  void SetUp() override {
    if (landlock_abi() == 0) GTEST_SKIP() << "this kernel has no Landlock";
    char name[] = "/tmp/trivet-landlock-XXXXXX";
    folder_ = mkdtemp(name);
    fill();
  }
  // Two folders with a file each, whatever was there.
  void fill() {
    for (const char* below : {"open", "shut"}) {
      fs::remove_all(folder_ / below);
      fs::create_directory(folder_ / below);
      for (const char* name : {"file", "second"}) std::ofstream(folder_ / below / name) << "text";
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  // What `what` returns below rules, or without them.
  int with(const PathRules& rules, const std::function<int()>& what) {
    return in_child([&] {
      Entered entered;
      return restrict_paths(rules, &entered) == 0 && entered.paths ? what() : kNotEntered;
    });
  }

  fs::path folder_;
};

struct Try {
  const char* name;
  std::function<int(const fs::path& folder)> what;  // an errno
  bool needs_write;
};

int open_errno(const fs::path& path, int flags) {
  int fd = open(path.c_str(), flags, 0600);
  int failed = errno_if(fd < 0);
  if (fd >= 0) close(fd);
  return failed;
}

const std::vector<Try> kTries{
    {"read", [](const fs::path& f) { return open_errno(f / "file", O_RDONLY); }, false},
    {"list", [](const fs::path& f) { return open_errno(f, O_RDONLY | O_DIRECTORY); }, false},
    {"write", [](const fs::path& f) { return open_errno(f / "file", O_WRONLY); }, true},
    {"make", [](const fs::path& f) { return open_errno(f / "new", O_WRONLY | O_CREAT); }, true},
    {"folder", [](const fs::path& f) { return errno_if(mkdir((f / "d").c_str(), 0700)); }, true},
    {"link", [](const fs::path& f) { return errno_if(symlink("x", (f / "l").c_str())); }, true},
    {"truncate", [](const fs::path& f) { return errno_if(truncate((f / "file").c_str(), 1)); },
     true},
    {"rename",
     [](const fs::path& f) { return errno_if(rename((f / "file").c_str(), (f / "g").c_str())); },
     true},
    {"remove", [](const fs::path& f) { return errno_if(unlink((f / "second").c_str())); }, true},
};

TEST_F(Landlock, writes_only_below_writable_paths) {
  fs::path open = folder_ / "open";
  PathRule rules[] = {{-1, "/", false}, {-1, open.c_str(), true}};
  for (bool is_reading_free : {false, true}) {
    PathRules all{rules, 2, is_reading_free, false, false};
    if (is_reading_free) all = {&rules[1], 1, true, false, false};
    for (const Try& one : kTries) {
      if (landlock_abi() < 3 && std::string(one.name) == "truncate") continue;
      EXPECT_EQ(with(all, [&] { return one.what(folder_ / "shut"); }), one.needs_write ? EACCES : 0)
          << one.name;
      EXPECT_EQ(with(all, [&] { return one.what(open); }), 0) << one.name;
    }
    fill();
  }
  for (const Try& one : kTries)
    EXPECT_EQ(in_child([&] { return one.what(folder_ / "shut"); }), 0) << one.name;
}

TEST_F(Landlock, reads_only_below_given_paths) {
  fs::path open = folder_ / "open";
  int fd = ::open(open.c_str(), O_PATH | O_CLOEXEC);
  PathRule by_fd{fd, nullptr, false};
  PathRules rules{&by_fd, 1, false, false, false};
  for (const Try& one : kTries) {
    EXPECT_EQ(with(rules, [&] { return one.what(open); }), one.needs_write ? EACCES : 0)
        << one.name;
    EXPECT_EQ(with(rules, [&] { return one.what(folder_ / "shut"); }), EACCES) << one.name;
  }
  EXPECT_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);  // still the caller's
  close(fd);
}

TEST_F(Landlock, a_single_file_may_be_writable) {
  PathRule rules[] = {{-1, "/dev/null", true}, {-1, "/", false}};
  PathRules all{rules, 2, false, false, false};
  EXPECT_EQ(with(all, [] { return open_errno("/dev/null", O_RDWR); }), 0);
  EXPECT_EQ(with(all, [] { return open_errno("/dev/zero", O_RDWR); }), EACCES);
  EXPECT_EQ(in_child([] { return open_errno("/dev/zero", O_RDWR); }), 0);
}

TEST_F(Landlock, what_is_started_is_restricted_too) {
  fs::path open = folder_ / "open";
  PathRule rule{-1, open.c_str(), true};
  std::string command = "exec 2>&-; echo x >" + (folder_ / "shut" / "by-shell").string();
  auto shell = [&] { return system(command.c_str()) == 0 ? 0 : 1; };
  EXPECT_EQ(with({&rule, 1, true, false, false}, shell), 1);
  EXPECT_FALSE(fs::exists(folder_ / "shut" / "by-shell"));
  EXPECT_EQ(in_child(shell), 0);
}

TEST_F(Landlock, a_path_that_is_missing_is_an_error_and_nothing_is_in_force) {
  PathRule rule{-1, "/no/such/path", false};
  EXPECT_EQ(in_child([&] {
              Entered entered;
              int failed = restrict_paths({&rule, 1, false, false, false}, &entered);
              return failed == ENOENT && !entered.paths &&
                     open_errno(folder_ / "shut" / "file", O_RDWR) == 0;
            }),
            1);
}

TEST_F(Landlock, needs_no_new_privs) {
  // Root may do without, so as another user.
  auto as_a_user = [] {
    Entered entered;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return kNotEntered;
    return forbid_signals_outside(&entered);
  };
  EXPECT_EQ(in_plain_child(as_a_user), landlock_abi() < 6 ? 0 : EPERM);
}

// A listening TCP socket on the loopback, and its address.
int listener(sockaddr_in* address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  *address = {};
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof *address;
  if (bind(fd, reinterpret_cast<sockaddr*>(address), size) != 0 || listen(fd, 8) != 0)
    return -errno;
  getsockname(fd, reinterpret_cast<sockaddr*>(address), &size);
  return fd;
}

TEST_F(Landlock, tcp_is_free_unless_forbidden) {
  if (landlock_abi() < 4) GTEST_SKIP() << "Landlock of version 4 is needed";
  sockaddr_in address{};
  int server = listener(&address);
  ASSERT_GE(server, 0);
  auto connect_errno = [&] {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return errno_if(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0);
  };
  auto bind_errno = [&] {
    sockaddr_in mine{};
    int fd = listener(&mine);
    return fd < 0 ? -fd : 0;
  };
  PathRule all{-1, "/", true};
  struct {
    bool bind, connect;
  } kinds[] = {{false, false}, {true, false}, {false, true}, {true, true}};
  for (auto kind : kinds) {
    PathRules rules{&all, 1, false, kind.bind, kind.connect};
    EXPECT_EQ(with(rules, connect_errno), kind.connect ? EACCES : 0);
    EXPECT_EQ(with(rules, bind_errno), kind.bind ? EACCES : 0);
    EXPECT_EQ(in_child([&] {
                Entered entered;
                restrict_paths(rules, &entered);
                return entered.tcp_bind == kind.bind && entered.tcp_connect == kind.connect;
              }),
              1);
  }
  close(server);
}

class Scope : public testing::Test {
 protected:
  void SetUp() override {
    if (landlock_abi() < 6) GTEST_SKIP() << "Landlock of version 6 is needed";
  }
  static int inside(const std::function<int()>& what) {
    return in_child([&] {
      Entered entered;
      bool is_entered =
          forbid_signals_outside(&entered) == 0 && entered.signals && entered.abstract_sockets;
      return is_entered ? what() : kNotEntered;
    });
  }
};

TEST_F(Scope, signals_reach_nobody_outside) {
  auto to_parent = [] { return errno_if(kill(getppid(), 0) != 0); };
  EXPECT_EQ(inside(to_parent), EPERM);
  EXPECT_EQ(in_child(to_parent), 0);
  EXPECT_EQ(inside([] { return kill(getpid(), SIGUSR1); }), -SIGUSR1);
}

TEST_F(Scope, signals_reach_children_and_parents_inside) {
  auto to_parent = [] { return in_child([] { return errno_if(kill(getppid(), 0) != 0); }); };
  EXPECT_EQ(inside(to_parent), 0);
  auto to_child = [] {
    pid_t child = fork();
    if (child == 0) pause();
    kill(child, SIGTERM);
    int status = 0;
    waitpid(child, &status, 0);
    return WTERMSIG(status);
  };
  EXPECT_EQ(inside(to_child), SIGTERM);
}

TEST_F(Scope, abstract_sockets_outside_are_out_of_reach) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = "trivet-landlock-" + std::to_string(getpid());
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(server, 8), 0);
  auto connect_errno = [&] {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return errno_if(connect(fd, reinterpret_cast<sockaddr*>(&address), size) != 0);
  };
  EXPECT_EQ(inside(connect_errno), EPERM);
  EXPECT_EQ(in_child(connect_errno), 0);
  close(server);
}

}  // namespace
}  // namespace trivet::sandbox
