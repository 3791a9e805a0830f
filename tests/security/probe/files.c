// Attacks on files: of this machine, of other functions, of the function itself.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "probe.h"

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
  fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);  // through a link, too
  if (fd < 0) return errno;
  char number[32], made[4096] = "";
  snprintf(number, sizeof number, "/proc/self/fd/%d", fd);
  if (readlink(number, made, sizeof made - 1) > 0) unlink(made);
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

const Row kFiles[] = {
    {"read", do_read},     {"write", do_write}, {"worker-exe", do_worker_exe}, {"list", do_list},
    {"links", do_links},   {"link", do_link},   {"symlink", do_symlink},       {"mknod", do_mknod},
    {"handle", do_handle}, {NULL, NULL}};
