#include "sandbox/root.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "sandbox/join.h"
#include "sandbox/mounts.h"

namespace trivet::sandbox {
namespace {

// Programs and libraries, wherever a distribution keeps them.
constexpr std::array<const char*, 9> kPrograms{
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"};
// What libraries read; nothing of it is secret or about this machine's users.
constexpr std::array<const char*, 20> kSettings{"alternatives",
                                                "ca-certificates",
                                                "ca-certificates.conf",
                                                "crypto-policies",
                                                "debian_version",
                                                "fonts",
                                                "gai.conf",
                                                "ld.so.cache",
                                                "ld.so.conf",
                                                "ld.so.conf.d",
                                                "locale.alias",
                                                "localtime",
                                                "magic",
                                                "mime.types",
                                                "os-release",
                                                "pki",
                                                "protocols",
                                                "services",
                                                "ssl",
                                                "timezone"};
constexpr std::array<const char*, 5> kNodes{"null", "zero", "full", "random", "urandom"};
// Somewhere to put the new root before it is the root: the first that is a folder here.
constexpr std::array<const char*, 6> kPlaces{"/tmp", "/mnt", "/srv", "/opt", "/var", "/usr"};
// Of /proc, what tells about the machine or steers it. What programs size themselves by stays.
constexpr std::array<const char*, 8> kHiddenFolders{"acpi", "bus",  "driver", "fs",
                                                    "irq",  "scsi", "sys",    "tty"};
constexpr std::array<const char*, 15> kHiddenFiles{
    "cmdline",    "config.gz", "diskstats",  "interrupts",    "kallsyms",
    "kcore",      "key-users", "keys",       "modules",       "kmsg",
    "partitions", "swaps",     "timer_list", "sysrq-trigger", "sched_debug"};
constexpr int64_t kBytesPerFile = 4096;  // so many bytes of /tmp for each file that fits
constexpr const char* kRootOptions = "size=4m,nr_inodes=4k,mode=0755";

Error failed(const std::string& step) { return io_error("cannot " + step, errno); }

// A path of the host's as it is copied into the root: a folder, a file, or a symbolic link.
struct Source {
  std::string path;
  os::Fd mount;  // of a folder or file
  bool is_folder = false;
  std::string link;  // of a link: where it leads
};

bool open_source(const std::string& path, Source& out) {
  struct stat facts {};
  if (lstat(path.c_str(), &facts) != 0) return false;
  out.path = path;
  if (S_ISLNK(facts.st_mode)) {
    std::array<char, 4096> target;
    ssize_t n = readlink(path.c_str(), target.data(), target.size());
    if (n <= 0) return false;
    out.link.assign(target.data(), static_cast<size_t>(n));
    return true;
  }
  out.is_folder = S_ISDIR(facts.st_mode);
  out.mount = copy_mount(AT_FDCWD, path.c_str());
  return out.mount && restrict_mount(out.mount.get(), false, -1) == 0;
}

Status place(const Source& source) {
  std::string target = source.path.substr(1);  // relative to the new root
  if (!source.link.empty()) {
    size_t slash = target.rfind('/');
    if (slash != std::string::npos && !make_folders(target.substr(0, slash)))
      return failed("make the folder of " + source.path);
    if (symlink(source.link.c_str(), target.c_str()) != 0 && errno != EEXIST)
      return failed("link " + source.path);
    return {};
  }
  bool made = source.is_folder ? make_folders(target) : make_file(target);
  if (!made) return failed("make " + source.path);
  if (attach_mount(source.mount.get(), target.c_str()) != 0) return failed("mount " + source.path);
  return {};
}

Status write_file(const char* path, const std::string& text) {
  os::Fd file{open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    return failed(std::string{"write /"} + path);
  return {};
}

Status write_settings() {
  std::string id = std::to_string(kInsideId);
  if (Status done = write_file("etc/passwd", "root:x:0:0::/:/sbin/nologin\nfunction:x:" + id + ":" +
                                                 id + "::/tmp:/bin/sh\n");
      !done)
    return done;
  if (Status done = write_file("etc/group", "root:x:0:\nfunction:x:" + id + ":\n"); !done)
    return done;
  if (Status done = write_file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"); !done)
    return done;
  if (Status done = write_file("etc/nsswitch.conf",
                               "passwd: files\ngroup: files\nhosts: files dns\n"
                               "services: files\nprotocols: files\n");
      !done)
    return done;
  return write_file("etc/hostname", "sandbox\n");
}

Status make_devices() {
  if (!make_folders("dev")) return failed("make /dev");
  for (const char* name : kNodes) {
    std::string outside = std::string{"/dev/"} + name;
    os::Fd node = copy_mount(AT_FDCWD, outside.c_str());
    if (!node) return failed("copy " + outside);
    if (!make_file(outside.substr(1)) || attach_mount(node.get(), outside.substr(1).c_str()) != 0)
      return failed("mount " + outside);
  }
  for (auto [to, name] : {std::pair{"/proc/self/fd", "dev/fd"},
                          {"/proc/self/fd/0", "dev/stdin"},
                          {"/proc/self/fd/1", "dev/stdout"},
                          {"/proc/self/fd/2", "dev/stderr"}})
    if (symlink(to, name) != 0) return failed(std::string{"link "} + name);
  return {};
}

// /tmp, and /dev/shm as a folder of it: one limit holds for both.
Status make_scratch(int64_t bytes) {
  std::string options = "size=" + std::to_string(bytes) + ",nr_inodes=" +
                        std::to_string(std::max<int64_t>(bytes / kBytesPerFile, 64)) + ",mode=1777";
  os::Fd scratch = new_mount("tmpfs", options, kNoSuid | kNoDevices);
  if (!scratch) return failed("make a tmpfs");
  if (!make_folders("tmp") || attach_mount(scratch.get(), "tmp") != 0) return failed("mount /tmp");
  if (mkdirat(scratch.get(), ".shm", 01777) != 0 || fchmodat(scratch.get(), ".shm", 01777, 0) != 0)
    return failed("make /dev/shm");
  if (symlink("/tmp/.shm", "dev/shm") != 0) return failed("link /dev/shm");
  if (!make_folders("var") || symlink("/tmp", "var/tmp") != 0) return failed("link /var/tmp");
  return {};
}

Status make_proc() {
  os::Fd proc = new_mount("proc", "hidepid=invisible", kNoSuid | kNoDevices | kNoExec);
  if (!proc) return failed("make a /proc");
  if (!make_folders("proc") || attach_mount(proc.get(), "proc") != 0) return failed("mount /proc");
  for (const char* name : kHiddenFiles) {
    std::string path = std::string{"proc/"} + name;
    if (access(path.c_str(), F_OK) != 0) continue;
    os::Fd nothing = copy_mount(AT_FDCWD, "dev/null");
    if (!nothing || attach_mount(nothing.get(), path.c_str()) != 0) return failed("hide /" + path);
  }
  for (const char* name : kHiddenFolders) {
    std::string path = std::string{"proc/"} + name;
    if (access(path.c_str(), F_OK) != 0) continue;
    os::Fd nothing =
        new_mount("tmpfs", "size=0,nr_inodes=1", kReadOnly | kNoSuid | kNoDevices | kNoExec);
    if (!nothing || attach_mount(nothing.get(), path.c_str()) != 0) return failed("hide /" + path);
  }
  return {};
}

std::vector<std::string> all_paths(const RootPlan& plan) {
  std::vector<std::string> paths(kPrograms.begin(), kPrograms.end());
  for (const char* name : kSettings) paths.push_back(std::string{"/etc/"} + name);
  if (plan.host_network) paths.push_back("/etc/resolv.conf");
  paths.insert(paths.end(), plan.paths.begin(), plan.paths.end());
  return paths;
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.compare(0, folder.size(), folder) == 0 &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

// Makes the new root a mount of this namespace, and the current folder.
Status mount_root(int root) {
  for (const char* place : kPlaces) {
    if (attach_mount(root, place) != 0) continue;
    return fchdir(root) == 0 ? Status{} : failed("enter the new root");
  }
  return failed("mount the new root");
}

Status leave_old_root() {
  if (syscall(SYS_pivot_root, ".", ".") != 0) return failed("change the root");
  if (umount2(".", MNT_DETACH) != 0) return failed("leave the old root");
  return chdir("/") == 0 ? Status{} : failed("enter the new root");
}

}  // namespace

bool is_in_root(const RootPlan& plan, const std::string& path) {
  auto paths = all_paths(plan);
  return std::any_of(paths.begin(), paths.end(),
                     [&](const std::string& seen) { return is_below(path, seen); });
}

Status build_root(const RootPlan& plan) {
  umask(022);
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return failed("make the mounts private");
  std::vector<Source> sources;
  for (const auto& path : all_paths(plan))
    if (Source source; open_source(path, source)) sources.push_back(std::move(source));
  os::Fd root = new_mount("tmpfs", kRootOptions, kNoSuid | kNoDevices);
  if (!root) return failed("make a tmpfs");
  if (Status done = mount_root(root.get()); !done) return done;
  for (const auto& source : sources)
    if (Status done = place(source); !done) return done;
  for (auto step : {make_devices, write_settings, make_proc})
    if (Status done = step(); !done) return done;
  if (Status done = make_scratch(plan.disk_bytes); !done) return done;
  return leave_old_root();
}

Status complete_root(const Policy& policy, const std::vector<os::Fd>& copies) {
  umask(022);
  for (size_t i = 0; i < copies.size(); ++i) {
    const std::string& path = policy.binds[i].path;
    if (!copies[i]) continue;  // every sandbox sees it
    struct stat facts {};
    bool is_folder = fstat(copies[i].get(), &facts) == 0 && S_ISDIR(facts.st_mode);
    if (!(is_folder ? make_folders(path) : make_file(path))) return failed("make " + path);
    if (attach_mount(copies[i].get(), path.c_str()) != 0) return failed("mount " + path);
  }
  if (policy.limits.disk_bytes != limits::kDiskDefault) {
    std::string bytes = std::to_string(policy.limits.disk_bytes);
    std::string files =
        std::to_string(std::max<int64_t>(policy.limits.disk_bytes / kBytesPerFile, 64));
    if (change_mount("/tmp", "size", bytes) != 0 || change_mount("/tmp", "nr_inodes", files) != 0)
      return failed("set the size of /tmp");
  }
  return make_read_only("/") == 0 ? Status{} : failed("make the root read-only");
}

}  // namespace trivet::sandbox
