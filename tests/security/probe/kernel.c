// Attacks on the kernel: system calls that a function has no business with, privileges, programs
// that would give some.
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ipc.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

// ---- mounts and namespaces; what is made goes with the child that makes it

int mount(const char*, const char*, const char*, unsigned long, const void*);
int umount2(const char*, int);

static int do_mount(char* _) {
  char at[] = "/tmp/hostile-XXXXXX";
  if (!mkdtemp(at)) return errno;
  int error = of(mount("none", at, "tmpfs", 0, NULL));
  if (!error) umount2(at, 2);
  rmdir(at);
  return error;
}
static int do_umount(char* _) { return past(past(of(umount2("/proc/self", 0)), EINVAL), ENOENT); }
static int do_pivot_root(char* _) {
  return past(past(of(syscall(SYS_pivot_root, "/tmp", "/tmp")), EINVAL), EBUSY);
}
static int do_chroot(char* _) { return of(chroot("/")); }
static int do_fsopen(char* _) { return keep(syscall(SYS_fsopen, "tmpfs", 0)); }
static int do_open_tree(char* _) {
  return keep(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */));
}
static int do_mount_setattr(char* _) {
  struct mount_attr none = {.attr_set = 0};
  return of(syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &none, sizeof none));
}
static int do_listmount(char* _) {
  struct {
    uint32_t size, spare;
    uint64_t id, last;
  } all = {24, 0, ~0ull, 0};
  uint64_t found[4];
  return of(syscall(458, &all, found, 4, 0));
}
static const struct {
  const char* name;
  int flag;
} kSpaces[] = {{"user", CLONE_NEWUSER},    {"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID},
               {"net", CLONE_NEWNET},      {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS},
               {"cgroup", CLONE_NEWCGROUP}};
static int space_of(const char* name) {
  for (unsigned i = 0; i < sizeof kSpaces / sizeof *kSpaces; i++) {
    if (!strcmp(kSpaces[i].name, name)) return kSpaces[i].flag;
  }
  return 0;
}
static int do_unshare(char* name) { return of(unshare(space_of(name))); }
static int do_clone(char* name) {
  long pid = syscall(SYS_clone, space_of(name) | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  return of(pid);
}
static int do_clone3(char* name) {
  struct clone_args wanted = {.flags = space_of(name), .exit_signal = SIGCHLD};
  long pid = syscall(SYS_clone3, &wanted, sizeof wanted);
  if (pid == 0) _exit(0);
  return of(pid);
}
static int do_setns(char* path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 ? errno : past(of(setns(fd, 0)), EINVAL);
}

// ---- the kernel's larger doors

static int do_init_module(char* _) {
  return past(past(of(syscall(SYS_init_module, NULL, 0, "")), ENOEXEC), EFAULT);
}
static int do_finit_module(char* _) {
  return past(past(of(syscall(SYS_finit_module, -1, "", 0)), EBADF), ENOEXEC);
}
static int do_delete_module(char* _) {
  return past(of(syscall(SYS_delete_module, "hostile", 0)), ENOENT);
}
static int do_add_key(char* _) {
  return of(syscall(SYS_add_key, "user", "hostile", "x", 1, -2 /* of the process */));
}
static int do_keyctl(char* _) { return of(syscall(SYS_keyctl, 0, -3 /* of the session */, 1)); }
static int do_request_key(char* _) {
  return past(of(syscall(SYS_request_key, "user", "hostile", NULL, 0)), ENOKEY);
}
static int do_bpf(char* _) {
  union bpf_attr map = {
      .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  return keep(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof map));
}
static int do_perf(char* _) {
  struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                  .size = sizeof event,
                                  .config = PERF_COUNT_SW_TASK_CLOCK,
                                  .exclude_kernel = 1};
  return keep(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}
static int do_userfaultfd(char* _) { return keep(syscall(SYS_userfaultfd, O_CLOEXEC)); }
static int do_io_uring(char* _) {
  char parameters[120] = {0};
  return keep(syscall(SYS_io_uring_setup, 1, parameters));
}
static int do_io_setup(char* _) {
  unsigned long context = 0;
  return of(syscall(SYS_io_setup, 1, &context));
}
static int do_kexec(char* _) { return past(of(syscall(SYS_kexec_load, 0, 17, NULL, 0)), EINVAL); }
static int do_reboot(char* _) { return past(of(syscall(SYS_reboot, 0, 0, 0, 0)), EINVAL); }
static int do_swapon(char* _) { return past(of(swapon("/proc/self/nonexistent", 0)), ENOENT); }
static int do_swapoff(char* _) { return past(of(swapoff("/proc/self/nonexistent")), ENOENT); }
static int do_quotactl(char* _) {
  return past(of(quotactl(QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL)), ESRCH);
}
static int do_acct(char* _) {
  return past(of(syscall(SYS_acct, "/proc/self/nonexistent")), ENOENT);
}
static int do_syslog(char* _) {
  char some[16];
  return of(klogctl(3, some, sizeof some));
}
static int do_fanotify(char* _) { return keep(syscall(SYS_fanotify_init, 0, 0)); }
static int do_memfd_secret(char* _) { return keep(syscall(SYS_memfd_secret, 0)); }
static int do_vhangup(char* _) { return of(vhangup()); }
static int do_ioperm(char* _) { return of(ioperm(0x80, 1, 1)); }
static int do_iopl(char* _) { return of(iopl(3)); }
static int do_personality(char* _) { return of(personality(ADDR_NO_RANDOMIZE)); }
// getpid as a program of 32 bits asks for it: a filter that does not look at the architecture takes
// it for another call.
static int do_int80(char* _) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "r8", "r9", "r10", "r11", "memory");
  return result < 0 ? -result : 0;
#else
  return ENOSYS;
#endif
}
static int do_x32(char* _) { return of(syscall(0x40000000 | 39)); }

// ---- this machine's name, clock and limits; set to what they are

static int do_sethostname(char* _) {
  char name[256] = "";
  gethostname(name, sizeof name - 1);
  return of(sethostname(name, strlen(name)));
}
static int do_setdomainname(char* _) {
  char name[256] = "";
  (void)!getdomainname(name, sizeof name - 1);
  return of(setdomainname(name, strlen(name)));
}
static int do_settimeofday(char* _) {
  struct timezone utc = {0, 0};
  return of(settimeofday(NULL, &utc));
}
static int do_clock_settime(char* _) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return of(clock_settime(CLOCK_REALTIME, &now));
}
static int do_adjtimex(char* _) {
  struct timex now = {.modes = 0};
  adjtimex(&now);
  now.modes = ADJ_TICK;
  return of(adjtimex(&now));
}
static int do_priority(char* _) { return of(setpriority(PRIO_PROCESS, 0, -20)); }
static int do_realtime(char* _) {
  struct sched_param highest = {1};
  return of(sched_setscheduler(0, SCHED_FIFO, &highest));
}
static int do_oom(char* _) {  // the last to be chosen when memory is short
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  return fd < 0 ? errno : of(write(fd, "-1000", 5));
}
static int do_raise(char* _) {  // a limit that was lowered
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max += 1;
  return of(setrlimit(RLIMIT_NOFILE, &files));
}
static int do_core(char* _) {
  struct rlimit core;
  getrlimit(RLIMIT_CORE, &core);
  return core.rlim_max > 0 ? 0 : EPERM;
}

// ---- what stays when its maker ends

static int do_shm(char* how) {
  int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
  if (id < 0) return errno;
  return strcmp(how, "leave") ? of(shmctl(id, IPC_RMID, NULL)) : 0;
}
static int do_mq(char* _) {
  mqd_t queue = mq_open("/hostile", O_RDWR | O_CREAT, 0600, NULL);
  if (queue == (mqd_t)-1) return errno;
  mq_unlink("/hostile");
  return 0;
}

const Row kKernel[] = {{"mount", do_mount},
                       {"umount", do_umount},
                       {"pivot-root", do_pivot_root},
                       {"chroot", do_chroot},
                       {"fsopen", do_fsopen},
                       {"open-tree", do_open_tree},
                       {"mount-setattr", do_mount_setattr},
                       {"listmount", do_listmount},
                       {"unshare", do_unshare},
                       {"clone", do_clone},
                       {"clone3", do_clone3},
                       {"setns", do_setns},
                       {"init-module", do_init_module},
                       {"finit-module", do_finit_module},
                       {"delete-module", do_delete_module},
                       {"add-key", do_add_key},
                       {"keyctl", do_keyctl},
                       {"request-key", do_request_key},
                       {"bpf", do_bpf},
                       {"perf", do_perf},
                       {"userfaultfd", do_userfaultfd},
                       {"io-uring", do_io_uring},
                       {"io-setup", do_io_setup},
                       {"kexec", do_kexec},
                       {"reboot", do_reboot},
                       {"swapon", do_swapon},
                       {"swapoff", do_swapoff},
                       {"quotactl", do_quotactl},
                       {"acct", do_acct},
                       {"syslog", do_syslog},
                       {"fanotify", do_fanotify},
                       {"memfd-secret", do_memfd_secret},
                       {"vhangup", do_vhangup},
                       {"ioperm", do_ioperm},
                       {"iopl", do_iopl},
                       {"personality", do_personality},
                       {"int80", do_int80},
                       {"x32", do_x32},
                       {"sethostname", do_sethostname},
                       {"setdomainname", do_setdomainname},
                       {"settimeofday", do_settimeofday},
                       {"clock-settime", do_clock_settime},
                       {"adjtimex", do_adjtimex},
                       {"priority", do_priority},
                       {"realtime", do_realtime},
                       {"oom", do_oom},
                       {"raise", do_raise},
                       {"core", do_core},
                       {"shm", do_shm},
                       {"mq", do_mq},
                       {NULL, NULL}};
