#include "sandbox/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "os/fd.h"

namespace trivet::sandbox {

int Kernel::make(const std::string& folder) { return mkdir(folder.c_str(), 0755) == 0 ? 0 : errno; }

int Kernel::remove(const std::string& folder) { return rmdir(folder.c_str()) == 0 ? 0 : errno; }

int Kernel::write(const std::string& file, const std::string& text) {
  os::Fd fd(open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  // A control file takes a value whole or refuses it.
  return ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0
                                                                                          : errno;
}

int Kernel::kill(pid_t process) { return ::kill(process, SIGKILL) == 0 ? 0 : errno; }

std::optional<std::string> Kernel::read(const std::string& file) {
  os::Fd fd(open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  char piece[4096];
  for (ssize_t count; (count = ::read(fd.get(), piece, sizeof piece)) != 0;) {
    if (count < 0 && errno != EINTR) return std::nullopt;
    if (count > 0) text.append(piece, static_cast<size_t>(count));
  }
  return text;
}

std::vector<std::string> Kernel::folders(const std::string& folder) {
  std::vector<std::string> names;
  DIR* opened = opendir(folder.c_str());
  if (!opened) return names;
  while (const dirent* entry = readdir(opened))
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  closedir(opened);
  return names;
}

bool Kernel::exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

void Kernel::nap() {
  timespec millisecond{0, 1'000'000};
  nanosleep(&millisecond, nullptr);
}

}  // namespace trivet::sandbox
