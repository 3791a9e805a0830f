#include "sandbox/filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <thread>

#include "sandbox/testing.h"

namespace trivet::sandbox {
namespace {

constexpr int kNoFilter = 250;  // exit codes of a child: what the test did not come to
constexpr int kNoErrno = 0;

// What `what` returns under the filter of a level.
int under(Level level, const std::function<int()>& what) {
  return in_child([&] { return install_filter(level) == 0 ? what() : kNoFilter; });
}

struct Refused {
  const char* name;
  long number;
  int in_standard, in_strict;  // an errno, or -SIGSYS
};

// Arguments that make a call fail with something else than EPERM and ENOSYS, or do nothing, without
// a filter.
int errno_of(long number) {
  constexpr long kBad = -1;
  return syscall(number, kBad, kBad, kBad, kBad, kBad, kBad) == -1 ? errno : kNoErrno;
}

constexpr Refused kRefused[] = {
    {"ptrace", SYS_ptrace, EPERM, -SIGSYS},
    {"process_vm_readv", SYS_process_vm_readv, EPERM, -SIGSYS},
    {"process_vm_writev", SYS_process_vm_writev, EPERM, -SIGSYS},
    {"pidfd_getfd", SYS_pidfd_getfd, EPERM, -SIGSYS},
    {"kcmp", SYS_kcmp, EPERM, -SIGSYS},
    {"process_madvise", SYS_process_madvise, EPERM, EPERM},
    {"perf_event_open", SYS_perf_event_open, EPERM, -SIGSYS},
    {"unshare", SYS_unshare, EPERM, -SIGSYS},
    {"setns", SYS_setns, EPERM, -SIGSYS},
    {"mount", SYS_mount, EPERM, -SIGSYS},
    {"umount2", SYS_umount2, EPERM, -SIGSYS},
    {"pivot_root", SYS_pivot_root, EPERM, -SIGSYS},
    {"chroot", SYS_chroot, EPERM, EPERM},
    {"open_tree", SYS_open_tree, EPERM, -SIGSYS},
    {"move_mount", SYS_move_mount, EPERM, -SIGSYS},
    {"fsopen", SYS_fsopen, EPERM, -SIGSYS},
    {"fsmount", SYS_fsmount, EPERM, -SIGSYS},
    {"mount_setattr", SYS_mount_setattr, EPERM, -SIGSYS},
    {"name_to_handle_at", SYS_name_to_handle_at, EPERM, -SIGSYS},
    {"open_by_handle_at", SYS_open_by_handle_at, EPERM, -SIGSYS},
    {"fanotify_init", SYS_fanotify_init, EPERM, EPERM},
    {"quotactl", SYS_quotactl, EPERM, EPERM},
    {"syncfs", SYS_syncfs, EPERM, EPERM},
    {"bpf", SYS_bpf, EPERM, -SIGSYS},
    {"userfaultfd", SYS_userfaultfd, EPERM, -SIGSYS},
    {"init_module", SYS_init_module, EPERM, -SIGSYS},
    {"finit_module", SYS_finit_module, EPERM, -SIGSYS},
    {"delete_module", SYS_delete_module, EPERM, -SIGSYS},
    {"kexec_load", SYS_kexec_load, EPERM, -SIGSYS},
    {"reboot", SYS_reboot, EPERM, -SIGSYS},
    {"swapon", SYS_swapon, EPERM, -SIGSYS},
    {"syslog", SYS_syslog, EPERM, EPERM},
    {"acct", SYS_acct, EPERM, EPERM},
    {"add_key", SYS_add_key, EPERM, -SIGSYS},
    {"request_key", SYS_request_key, EPERM, -SIGSYS},
    {"keyctl", SYS_keyctl, EPERM, -SIGSYS},
    {"setuid", SYS_setuid, EPERM, EPERM},
    {"setgroups", SYS_setgroups, EPERM, EPERM},
    {"capset", SYS_capset, EPERM, EPERM},
    {"clock_settime", SYS_clock_settime, EPERM, EPERM},
    {"clock_adjtime", SYS_clock_adjtime, EPERM, EPERM},
    {"sethostname", SYS_sethostname, EPERM, EPERM},
    {"shmget", SYS_shmget, EPERM, EPERM},
    {"semget", SYS_semget, EPERM, EPERM},
    {"msgrcv", SYS_msgrcv, EPERM, EPERM},
    {"mq_open", SYS_mq_open, EPERM, EPERM},
    {"vmsplice", SYS_vmsplice, EPERM, EPERM},
    {"memfd_secret", SYS_memfd_secret, EPERM, EPERM},
    {"move_pages", SYS_move_pages, EPERM, EPERM},
    {"ioprio_set", SYS_ioprio_set, EPERM, EPERM},
    {"io_uring_setup", SYS_io_uring_setup, ENOSYS, ENOSYS},
    {"io_uring_enter", SYS_io_uring_enter, ENOSYS, ENOSYS},
    {"io_uring_register", SYS_io_uring_register, ENOSYS, ENOSYS},
    {"io_setup", SYS_io_setup, ENOSYS, ENOSYS},
    {"clone3", SYS_clone3, ENOSYS, ENOSYS},
    {"the first that is newer than the list", 451, ENOSYS, ENOSYS},
    {"one far above", 100000, ENOSYS, ENOSYS},
    {"inotify_init1", SYS_inotify_init1, EINVAL, EPERM},
    {"mlock2", SYS_mlock2, EINVAL, EPERM},
    {"sched_setscheduler", SYS_sched_setscheduler, EINVAL, EPERM},
    {"seccomp", SYS_seccomp, EINVAL, EPERM},
};

// A program may ask for the ids that it has, as posix_spawn does; not for others.
TEST(Filter, ids_stay_as_they_are) {
  for (Level level : {Level::kSandbox, Level::kStrict})
    for (long number : {SYS_setresuid, SYS_setresgid}) {
      EXPECT_EQ(under(level, [&] { return errno_of(number); }), kNoErrno);
      EXPECT_EQ(under(level, [&] { return syscall(number, 0, 0, 0) == -1 ? errno : kNoErrno; }),
                EPERM);
    }
}

TEST(Filter, refused_calls_fail_with_their_errno) {
  for (const Refused& one : kRefused) {
    EXPECT_EQ(under(Level::kSandbox, [&] { return errno_of(one.number); }), one.in_standard)
        << one.name;
    EXPECT_EQ(under(Level::kStrict, [&] { return errno_of(one.number); }), one.in_strict)
        << one.name;
  }
}

// Were these calls refused without the filter too, the test above would prove nothing.
TEST(Filter, the_same_calls_reach_the_kernel_without_it) {
  int reached = 0;
  for (const Refused& one : kRefused)
    if (int failed = under(Level::kProcess, [&] { return errno_of(one.number); });
        failed != EPERM && failed != ENOSYS)
      ++reached;
  EXPECT_GE(reached, geteuid() == 0 ? 45 : 25);
}

TEST(Filter, needs_no_new_privs_first) {
  // Root may install one without it, so as another user.
  auto as_a_user = [] {
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) return kNoFilter;
    return install_filter(Level::kSandbox);
  };
  EXPECT_EQ(in_plain_child(as_a_user), EACCES);
}

TEST(Filter, levels_without_one_install_nothing) {
  for (Level level : {Level::kTrusted, Level::kProcess}) {
    EXPECT_EQ(under(level, [] { return prctl(PR_GET_SECCOMP); }), 0);
    EXPECT_EQ(filter_calls(level), 0);
    EXPECT_STREQ(filter_summary(level), "");
  }
  EXPECT_EQ(under(Level::kSandbox, [] { return prctl(PR_GET_SECCOMP); }), 2);
}

TEST(Filter, strict_allows_less) {
  EXPECT_GT(filter_calls(Level::kStrict), 150);
  EXPECT_GT(filter_calls(Level::kSandbox), filter_calls(Level::kStrict));
  std::string summary = filter_summary(Level::kSandbox);
  EXPECT_EQ(summary.find(std::to_string(filter_calls(Level::kSandbox)) + " calls allowed"), 0u);
}

#ifdef __x86_64__
TEST(Filter, calls_of_another_architecture_end_the_process) {
  auto int80 = [] {
    long result = 20;  // getpid of 32 bits
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result > 0 ? 1 : 2;
  };
  auto x32 = [] { return syscall(0x40000000 | SYS_getpid) == -1 ? errno : kNoErrno; };
  for (Level level : {Level::kSandbox, Level::kStrict}) {
    EXPECT_EQ(under(level, int80), -SIGSYS);
    EXPECT_EQ(under(level, x32), -SIGSYS);
  }
  EXPECT_NE(under(Level::kProcess, int80), -SIGSYS);
  EXPECT_NE(under(Level::kProcess, x32), -SIGSYS);
}
#endif

TEST(Filter, the_number_of_a_skipped_call_is_no_reason_to_die) {
  EXPECT_EQ(under(Level::kStrict, [] { return syscall(-1) == -1 ? errno : kNoErrno; }), ENOSYS);
}

TEST(Filter, clone_with_new_namespaces_is_refused) {
  constexpr unsigned long kFlags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                      CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
  auto clone_with = [](unsigned long flags) {
    long child = syscall(SYS_clone, flags | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
    if (child == 0) _exit(0);
    return child == -1 ? errno : kNoErrno;
  };
  for (unsigned long flags : kFlags)
    for (Level level : {Level::kSandbox, Level::kStrict}) {
      EXPECT_EQ(under(level, [&] { return clone_with(flags); }), EPERM) << flags;
      EXPECT_EQ(under(level, [&] { return clone_with(flags | 1ul << 40); }), EPERM) << flags;
    }
  EXPECT_EQ(under(Level::kStrict, [&] { return clone_with(0); }), kNoErrno);
}

TEST(Filter, typing_into_a_terminal_is_refused_whatever_the_high_bits_say) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  auto ioctl_of = [&](unsigned long request) {
    int value = 0;
    return syscall(SYS_ioctl, fds[0], request, &value) == -1 ? errno : kNoErrno;
  };
  for (unsigned long high : {0ul, 1ul << 32, ~0ul << 32})
    for (Level level : {Level::kSandbox, Level::kStrict}) {
      EXPECT_EQ(under(level, [&] { return ioctl_of(high | TIOCSTI); }), EPERM);
      EXPECT_EQ(under(level, [&] { return ioctl_of(high | TIOCLINUX); }), EPERM);
      EXPECT_EQ(under(level, [&] { return ioctl_of(high | FIONREAD); }), kNoErrno);
    }
  EXPECT_EQ(under(Level::kProcess, [&] { return ioctl_of(TIOCSTI); }), ENOTTY);
}

struct Socket {
  int family, type, protocol;
  int in_standard, in_strict;
};

TEST(Filter, sockets_are_of_few_families) {
  auto socket_of = [](const Socket& s) {
    return socket(s.family, s.type, s.protocol) < 0 ? errno : kNoErrno;
  };
  const Socket kSockets[] = {
      {AF_UNIX, SOCK_STREAM, 0, 0, 0},
      {AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, 0, 0},
      {AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP, 0, 0},
      {AF_INET, SOCK_DGRAM, 0, 0, 0},
      {AF_INET, SOCK_RAW, IPPROTO_ICMP, EPERM, EPERM},
      {AF_INET, SOCK_STREAM, 262 /* MPTCP */, EPERM, EPERM},
      {AF_INET, SOCK_SEQPACKET, 132 /* SCTP */, EPERM, EPERM},
      {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, 0, EPERM},
      {AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT, EPERM, EPERM},
      {AF_PACKET, SOCK_RAW, 0, EPERM, EPERM},
      {38 /* ALG */, SOCK_SEQPACKET, 0, EPERM, EPERM},
      {40 /* VSOCK */, SOCK_STREAM, 0, EPERM, EPERM},
      {44 /* XDP */, SOCK_RAW, 0, EPERM, EPERM},
  };
  for (const Socket& s : kSockets) {
    EXPECT_EQ(under(Level::kSandbox, [&] { return socket_of(s); }), s.in_standard)
        << s.family << " " << s.type << " " << s.protocol;
    EXPECT_EQ(under(Level::kStrict, [&] { return socket_of(s); }), s.in_strict)
        << s.family << " " << s.type << " " << s.protocol;
  }
}

TEST(Filter, prctl_personality_and_devices_by_argument) {
  auto failed = [](long result) { return result < 0 ? errno : kNoErrno; };
  auto at = [&](Level level, const std::function<long()>& call) {
    return under(level, [&] { return failed(call()); });
  };
  EXPECT_EQ(at(Level::kSandbox, [] { return prctl(PR_SET_NAME, "x"); }), kNoErrno);
  EXPECT_EQ(at(Level::kSandbox, [] { return prctl(PR_SET_SECUREBITS, 0); }), EPERM);
  EXPECT_EQ(at(Level::kSandbox, [] { return prctl(PR_SET_PTRACER, 1); }), EPERM);
  EXPECT_EQ(at(Level::kStrict, [] { return prctl(PR_SET_CHILD_SUBREAPER, 1); }), EPERM);
  EXPECT_EQ(at(Level::kSandbox, [] { return syscall(SYS_personality, 0xffffffff); }), kNoErrno);
  EXPECT_EQ(at(Level::kSandbox, [] { return syscall(SYS_personality, 0x40000); }), EPERM);
  std::string path = testing::TempDir() + "trivet-filter-" + std::to_string(getpid());
  EXPECT_EQ(at(Level::kSandbox, [&] { return mkfifo(path.c_str(), 0600); }), kNoErrno);
  unlink(path.c_str());
  EXPECT_EQ(at(Level::kSandbox, [&] { return mknod(path.c_str(), S_IFCHR | 0600, 0x103); }), EPERM);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

TEST(Filter, threads_forks_and_programs_work) {
  for (Level level : {Level::kSandbox, Level::kStrict}) {
    EXPECT_EQ(under(level,
                    [] {
                      int value = 0;
                      std::thread([&] { value = 7; }).join();
                      return value;
                    }),
              7);
    EXPECT_EQ(under(level, [&] { return in_child([] { return 8; }); }), 8);
    EXPECT_EQ(under(level,
                    [] {
                      execl("/bin/sh", "sh", "-c", "exit $(echo 9 | cat)", nullptr);
                      return errno;
                    }),
              9);
  }
}

TEST(Filter, what_is_started_under_it_has_it_too) {
  EXPECT_EQ(under(Level::kStrict,
                  [] {
                    execl("/bin/sh", "sh", "-c", "grep -q '^Seccomp:.*2' /proc/self/status",
                          nullptr);
                    return errno;
                  }),
            0);
}

// A second filter is refused in strict, allowed before: it can only take away.
TEST(Filter, a_program_may_confine_itself_further) {
  EXPECT_EQ(under(Level::kSandbox, [] { return install_filter(Level::kStrict); }), 0);
  EXPECT_EQ(under(Level::kStrict, [] { return install_filter(Level::kStrict); }), EPERM);
}

TEST(Filter, one_install_is_quick) {
  for (Level level : {Level::kSandbox, Level::kStrict}) {
    long best = 1 << 30;
    for (int i = 0; i < 20; ++i) {
      int fds[2];
      ASSERT_EQ(pipe(fds), 0);
      pid_t child = fork();
      if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        auto start = std::chrono::steady_clock::now();
        int failed = install_filter(level);
        long taken = (std::chrono::steady_clock::now() - start).count();
        _exit(failed || write(fds[1], &taken, sizeof taken) != sizeof taken);
      }
      long taken = 0;
      ASSERT_EQ(read(fds[0], &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
      waitpid(child, nullptr, 0);
      close(fds[0]);
      close(fds[1]);
      best = std::min(best, taken);
    }
    std::printf("install, %s: %ld us at best\n", std::string(name(level)).c_str(), best / 1000);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace trivet::sandbox
