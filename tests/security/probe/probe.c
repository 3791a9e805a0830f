// Tries what a function must not be able to do, and prints what came of it: a line of JSON for each
// attack. Built without shared libraries, so that it runs wherever it is copied to. Usage: probe
// ATTACK[:ARGUMENT]...
//
// Each attack is tried by a child: what kills it is an outcome as well. Nothing here does harm
// where it is allowed: what exists is opened and not written to, clocks and names are set to what
// they are, and everything that grows stops by itself.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "probe.h"

const char* self;

static struct {  // what a child says, in memory that its parent shares
  int is_done, error;
  char detail[1 << 16];
} * told;

void say(const char* text) {
  strncat(told->detail, text, sizeof told->detail - strlen(told->detail) - 1);
}
void say_number(long number) {
  char text[32];
  snprintf(text, sizeof text, "%ld", number);
  say(text);
}
// "a:b" -> "a", and "b" in *rest.
static char* cut(char* text, char** rest) {
  char* colon = strrchr(text, ':');
  *rest = colon ? colon + 1 : text + strlen(text);
  if (colon) *colon = 0;
  return text;
}

// ---- files

// Opened, but /dev/null under another name, or a file of a mount that is only read, is nothing
// gained.
static int judged(int fd) {
  struct stat facts;
  int is_null = fstat(fd, &facts) == 0 && S_ISCHR(facts.st_mode) && facts.st_rdev == makedev(1, 3);
  close(fd);
  return is_null ? ENODATA : 0;
}
static int do_read(char* path) {
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  char byte;
  if (fd < 0) return errno;
  ssize_t got = read(fd, &byte, 1);
  int error = got < 0 ? errno : 0;
  if (error == EISDIR || error == EIO || error == EAGAIN || error == EINVAL) error = 0;
  int nothing = judged(fd);
  return error ? error : nothing;
}
static int do_write(char* path) {
  int fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0) return judged(fd);
  if (errno == ETXTBSY) {  // said before a mount is asked, and by a mount that could be written
                           // only until the program ends
    struct statvfs mount;
    return statvfs(path, &mount) == 0 && (mount.f_flag & ST_RDONLY) ? EROFS : 0;
  }
  if (errno != ENOENT) return errno;
  fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  unlink(path);
  return keep(fd);
}
// The program of the worker: of our parent's parent, or of whatever stands between.
static int do_worker_exe(char* _) {
  int pid = getppid(), error = ENOENT;
  for (int i = 0; i < 4 && pid > 1; i++) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE* file = fopen(path, "re");
    if (!file) break;
    (void)!fread(text, 1, sizeof text - 1, file);
    fclose(file);
    char* after = strrchr(text, ')');
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (i > 0) error = do_write(path);
    if (i > 0 && !error) return 0;
    pid = after ? atoi(after + 4) : 0;
  }
  return error;
}
static int do_list(char* path) {
  DIR* folder = opendir(path);
  if (!folder) return errno;
  for (struct dirent* entry; (entry = readdir(folder));) {
    if (entry->d_name[0] != '.') say(entry->d_name), say(" ");
  }
  closedir(folder);
  return 0;
}
static int do_links(char* path) {  // the entries of a folder of links, and where they lead
  DIR* folder = opendir(path);
  if (!folder) return errno;
  for (struct dirent* entry; (entry = readdir(folder));) {
    char to[256];
    ssize_t size = readlinkat(dirfd(folder), entry->d_name, to, sizeof to - 1);
    if (size < 0 || atoi(entry->d_name) == dirfd(folder)) continue;
    to[size] = 0;
    say(entry->d_name), say("="), say(to), say(" ");
  }
  closedir(folder);
  return 0;
}
static int do_link(char* paths) {
  char* to;
  cut(paths, &to);
  int error = of(link(paths, to));
  if (!error) unlink(to);
  return error;
}
static int do_symlink(char* paths) {
  char* to;
  cut(paths, &to);
  int error = of(symlink(paths, to));
  if (!error) unlink(to);
  return error;
}
static int do_mknod(char* path) {
  int error = of(mknod(path, S_IFCHR | 0600, 0x0103));  // another /dev/null
  if (!error) unlink(path);
  return error;
}
static int do_handle(char* path) {
  struct {
    struct file_handle handle;
    char bytes[128];
  } at;
  int mount, folder = open("/", O_RDONLY | O_CLOEXEC);
  at.handle.handle_bytes = sizeof at.bytes;
  if (name_to_handle_at(AT_FDCWD, path, &at.handle, &mount, 0) < 0) return errno;
  return keep(open_by_handle_at(folder, &at.handle, O_RDONLY));
}

// ---- other processes

static int do_kill(char* pid) { return of(kill(atoi(pid), 0)); }
static int do_ptrace(char* pid) {
  return of(ptrace(PTRACE_SEIZE, atoi(pid), 0, 0));
}  // ends with this child
static int do_traceme(char* _) { return of(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static int do_vmread(char* pid) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void*)16, 1};
  return past(of(process_vm_readv(*pid ? atoi(pid) : getpid(), &here, 1, &there, 1, 0)), EFAULT);
}
static int do_pidfd(char* pid) {
  int process = syscall(SYS_pidfd_open, *pid ? atoi(pid) : getpid(), 0);
  return process < 0 ? errno : past(keep(syscall(SYS_pidfd_getfd, process, 0, 0)), EBADF);
}
// Looks for a text in the environment of every process that is seen, but for this one's.
static int do_scan(char* text) {
  static char found[1 << 20];
  DIR* folder = opendir("/proc");
  if (!folder) return errno;
  int error = ESRCH;
  for (struct dirent* entry; error && (entry = readdir(folder));) {
    char path[300];
    int pid = atoi(entry->d_name);
    if (!pid || pid == getpid() || pid == getppid()) continue;
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, found, sizeof found);
    if (fd >= 0) close(fd);
    if (size > 0 && memmem(found, size, text, strlen(text))) error = 0, say(entry->d_name);
  }
  closedir(folder);
  return error;
}
static int do_pids(char* _) { return do_list("/proc"); }
static int do_namespaces(char* _) { return do_links("/proc/self/ns"); }
static int do_descriptors(char* _) { return do_links("/proc/self/fd"); }

// ---- what grows

static pid_t born[4096];
static int do_forks(char* count) {  // children that sleep, all at once; they end with this one
  int wanted = atoi(count), n = 0, error = 0;
  while (n < wanted && n < 4096 && !error) {
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) pause();
    }
    if (pid < 0)
      error = errno;
    else
      born[n++] = pid;
  }
  say_number(n);
  for (int i = 0; i < n; i++) kill(born[i], SIGKILL);
  while (n > 0 && wait(NULL) > 0) n--;
  return error;
}
static void* sleeping(void* _) {
  pause();
  return _;
}
static int do_threads(char* count) {
  int wanted = atoi(count), n = 0, error = 0;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 65536);
  for (pthread_t thread; n < wanted && !error;) {
    error = pthread_create(&thread, &small, sleeping, NULL);
    n += !error;
  }
  say_number(n);
  return error;
}
static int touched(char* mib, int flags, int fd) {
  for (int n = atoi(mib), i = 0; i < n; i++) {
    char* at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, fd, (off_t)i << 20);
    if (at == MAP_FAILED) return errno;
    memset(at, 1, 1 << 20);
  }
  return 0;
}
static int do_private(char* mib) { return touched(mib, MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static int do_shared(char* mib) { return touched(mib, MAP_SHARED | MAP_ANONYMOUS, -1); }
static int do_memfd(char* mib) {
  int fd = memfd_create("hostile", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, (off_t)atoi(mib) << 20) < 0) return errno;
  return touched(mib, MAP_SHARED, fd);
}
static int do_fill(char* folder) {  // FOLDER:MIB
  static char block[1 << 20];
  char path[256], *mib;
  cut(folder, &mib);
  snprintf(path, sizeof path, "%s/fill-%d", folder, getpid());
  signal(SIGXFSZ, SIG_IGN);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), error = of(fd);
  if (fd < 0) return error;
  unlink(path);
  long written = 0, wanted = atol(mib) << 20;
  while (!error && written < wanted) {
    ssize_t got = write(fd, block, sizeof block);
    if (got < 0)
      error = errno;
    else
      written += got;
  }
  say_number(written);
  close(fd);
  return error;
}
static int do_inodes(char* folder) {  // FOLDER:COUNT
  char path[256], *count;
  cut(folder, &count);
  int wanted = atoi(count), n = 0, error = 0;
  for (; n < wanted && !error; n++) {
    snprintf(path, sizeof path, "%s/inode-%d-%d", folder, getpid(), n);
    error = of(mknod(path, S_IFREG | 0600, 0));
  }
  say_number(n);
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/inode-%d-%d", folder, getpid(), i);
    unlink(path);
  }
  return error;
}
static int do_files(char* count) {
  for (int n = atoi(count); n > 0; n--) {
    if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return errno;
  }
  return 0;
}
static int do_cpu(char* ms) {  // how much of a processor it gets, in percent, is the detail
  struct timespec start, now, used;
  clock_gettime(CLOCK_MONOTONIC, &start);
  long wall = 0;
  while (wall < atol(ms)) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    wall = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
  }
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  say_number((used.tv_sec * 1000 + used.tv_nsec / 1000000) * 100 / wall);
  return 0;
}
// Leaves the worker's session and parent, with an empty environment and deaf to all that can be
// ignored.
static int do_daemon(char* name) {
  pid_t child = fork();
  if (child != 0) return child > 0 ? of(waitpid(child, NULL, 0)) : errno;
  setsid();
  if (fork() > 0) _exit(0);
  char *arguments[] = {name, "--daemon", NULL}, *none[] = {NULL};
  for (int fd = 0; fd < 64; fd++) close(fd);
  execve(self, arguments, none);
  _exit(1);
}
static void stay(const char* name) {
  prctl(PR_SET_NAME, name);
  for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
  for (;;) sleep(1000);
}

// ---- network and sockets of this machine

static int reach(int kind, char* address) {
  char* port;
  cut(address, &port);
  struct sockaddr_in six_or_four = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};
  int is_four = inet_pton(AF_INET, address, &six_or_four.sin_addr) == 1;
  if (!is_four && inet_pton(AF_INET6, address, &six.sin6_addr) != 1) return EDESTADDRREQ;
  int fd = socket(is_four ? AF_INET : AF_INET6, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  struct sockaddr* to = is_four ? (struct sockaddr*)&six_or_four : (struct sockaddr*)&six;
  socklen_t size = is_four ? sizeof six_or_four : sizeof six;
  if (kind == SOCK_DGRAM) return of(sendto(fd, "hostile", 7, 0, to, size));
  if (connect(fd, to, size) == 0) return keep(fd);
  if (errno != EINPROGRESS) return errno;
  struct pollfd wait_for = {fd, POLLOUT, 0};
  if (poll(&wait_for, 1, 500) == 0) return ETIMEDOUT;
  int error = 0;
  size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  close(fd);
  return error;
}
static int do_tcp(char* address) { return reach(SOCK_STREAM, address); }
static int do_udp(char* address) { return reach(SOCK_DGRAM, address); }
static int local(const char* name, int is_abstract) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + is_abstract, name, sizeof to.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int error = of(connect(fd, (struct sockaddr*)&to,
                         offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(name)));
  close(fd);
  return error;
}
static int do_unix(char* path) { return local(path, 0); }
static int do_abstract(char* name) { return local(name, 1); }
static int do_raw(char* _) { return keep(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)); }
static int do_packet(char* _) { return keep(socket(AF_PACKET, SOCK_RAW, 0)); }
static int do_netlink(char* _) { return keep(socket(AF_NETLINK, SOCK_RAW, 0)); }
static int do_alg(char* _) { return keep(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static int do_vsock(char* _) { return keep(socket(AF_VSOCK, SOCK_STREAM, 0)); }

static const Row kOwn[] = {
    {"read", do_read},
    {"write", do_write},
    {"worker-exe", do_worker_exe},
    {"list", do_list},
    {"link", do_link},
    {"symlink", do_symlink},
    {"mknod", do_mknod},
    {"handle", do_handle},
    {"kill", do_kill},
    {"ptrace", do_ptrace},
    {"traceme", do_traceme},
    {"vmread", do_vmread},
    {"pidfd", do_pidfd},
    {"scan", do_scan},
    {"pids", do_pids},
    {"namespaces", do_namespaces},
    {"descriptors", do_descriptors},
    {"forks", do_forks},
    {"threads", do_threads},
    {"private", do_private},
    {"shared", do_shared},
    {"memfd", do_memfd},
    {"fill", do_fill},
    {"inodes", do_inodes},
    {"files", do_files},
    {"cpu", do_cpu},
    {"daemon", do_daemon},
    {"tcp", do_tcp},
    {"udp", do_udp},
    {"unix", do_unix},
    {"abstract", do_abstract},
    {"raw", do_raw},
    {"packet", do_packet},
    {"netlink", do_netlink},
    {"alg", do_alg},
    {"vsock", do_vsock},
    {NULL, NULL},
};

static Attack* named(const char* name) {
  const Row* tables[] = {kOwn, kKernel};
  for (int i = 0; i < 2; i++) {
    for (const Row* row = tables[i]; row->name; row++) {
      if (!strcmp(row->name, name)) return row->attack;
    }
  }
  return NULL;
}

static void print_text(const char* text) {
  putchar('"');
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') putchar('\\');
    putchar((unsigned char)*text < ' ' ? ' ' : *text);
  }
  putchar('"');
}

// "allowed"; the name of an errno; or that of the signal that ended it.
static const char* outcome(pid_t pid) {
  int status = 0;
  if (pid < 0) return strerrorname_np(errno);
  waitpid(pid, &status, 0);
  if (told->is_done) return told->error ? strerrorname_np(told->error) : "allowed";
  static char text[16];
  snprintf(text, sizeof text, "SIG%s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "?");
  return text;
}

static int try(char* asked) {
  char name[32], *argument = strchr(asked, ':');
  snprintf(name, sizeof name, "%.*s", (int)strcspn(asked, ":"), asked);
  Attack* attack = named(name);
  if (!attack) return fprintf(stderr, "probe: no attack is called %s\n", name), 2;
  char* copy = strdup(argument ? argument + 1 : "");
  told->is_done = told->detail[0] = 0;
  pid_t pid = fork();
  if (pid == 0) {
    told->error = attack(copy);
    told->is_done = 1;
    _exit(0);
  }
  free(copy);
  printf("{\"attack\":");
  print_text(asked);
  printf(",\"outcome\":\"%s\",\"detail\":", outcome(pid));
  print_text(told->detail);
  puts("}");
  return fflush(stdout) != 0;
}

int main(int argc, char** argv) {
  if (argc == 2 && !strcmp(argv[1], "--daemon")) stay(argv[0]);
  if (argc == 2 && !strcmp(argv[1], "--uid")) return printf("%d\n", geteuid()) < 0;
  self = realpath("/proc/self/exe", NULL);
  told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (!self || told == MAP_FAILED) return perror("probe"), 1;
  int result = 0;
  for (int i = 1; i < argc && !result; i++) result = try(argv[i]);
  return result;
}
