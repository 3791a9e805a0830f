#include "host/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

namespace trivet::host {
namespace {

namespace fs = std::filesystem;

constexpr int kCapabilitiesMost = 64;  // prctl() refuses those that there are not
constexpr auto kPatience = std::chrono::seconds{5};

// A thread's bounding set and no_new_privs are its own, and only it can change them: each is sent a
// signal, and its handler does. The only way to know in a handler is a global.
std::atomic<int> threads_done{0};

void give_up_here(int) {
  int kept = errno;
  for (int capability = 0; capability < kCapabilitiesMost; ++capability)
    prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  errno = kept;
  ++threads_done;
}

int signal_threads(int signal) {
  int sent = 0;
  std::error_code ec;
  for (const auto& task : fs::directory_iterator("/proc/self/task", ec)) {
    int tid = std::stoi(task.path().filename().string());
    sent += syscall(SYS_tgkill, getpid(), tid, signal) == 0;
  }
  return sent;
}

void give_up_everywhere() {
  const int signal = SIGRTMIN + 5;
  struct sigaction ours {
  }, before{};
  ours.sa_handler = give_up_here;
  ours.sa_flags = SA_RESTART;
  sigaction(signal, &ours, &before);
  threads_done = 0;
  int sent = signal_threads(signal);
  auto until = std::chrono::steady_clock::now() + kPatience;
  while (threads_done < sent && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  sigaction(signal, &before, nullptr);
}

// Of one thread: "" when it has nothing left.
std::string has_still(const fs::path& status, const User& user) {
  std::ifstream in(status);
  const std::string uid = std::to_string(user.uid);
  int seen = 0;
  for (std::string line; std::getline(in, line);) {
    size_t tab = line.find('\t');
    std::string name = line.substr(0, tab), value = tab == line.npos ? "" : line.substr(tab + 1);
    bool is_set = name == "CapInh:" || name == "CapPrm:" || name == "CapEff:" ||
                  name == "CapBnd:" || name == "CapAmb:";
    if (is_set && value.find_first_not_of('0') != value.npos) return line;
    if (name == "Uid:" && value != uid + "\t" + uid + "\t" + uid + "\t" + uid) return line;
    if (name == "NoNewPrivs:" && value != "1") return line;
    seen += is_set || name == "Uid:" || name == "NoNewPrivs:";
  }
  constexpr int kLines = 7;
  return seen == kLines ? "" : "no whole status";
}

Status check_all(const User& user) {
  std::error_code ec;
  for (const auto& task : fs::directory_iterator("/proc/self/task", ec))
    if (std::string left = has_still(task.path() / "status", user); !left.empty())
      return Error{ErrorCode::kInternal,
                   "a thread could not be made to run as " + user.name + ": " + left};
  return {};
}

// Only what lies there and is root's; nothing is followed.
void give_entries(const fs::path& dir, const User& user) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(dir, ec)) {
    struct stat found {};
    const char* path = entry.path().c_str();
    bool ours = lstat(path, &found) == 0 && found.st_uid == 0 &&
                (S_ISDIR(found.st_mode) || (S_ISREG(found.st_mode) && found.st_nlink == 1));
    if (ours && lchown(path, user.uid, user.gid) != 0) continue;  // it will be told when it is used
  }
}

Status give_data_dir(const fs::path& dir, const User& user) {
  struct stat found {};
  if (stat(dir.c_str(), &found) != 0) return io_error("cannot look at " + dir.string(), errno);
  if (found.st_uid == user.uid) return {};
  std::error_code ec;
  if (fs::is_empty(dir, ec) && chown(dir.c_str(), user.uid, user.gid) == 0) return {};
  return Error{ErrorCode::kIo,
               "the data folder " + dir.string() + " does not belong to " + user.name,
               "chown -R " + user.name + " " + dir.string() + ", or choose another with --data"};
}

}  // namespace

Result<std::optional<User>> user_to_become(const std::string& name, const fs::path& data_dir) {
  if (name.empty()) return std::optional<User>{};
  const passwd* found = getpwnam(name.c_str());
  if (!found)
    return Error{ErrorCode::kInvalidInput, "there is no user \"" + name + "\"",
                 "make it: useradd --system " + name + "; or name another with --user"};
  if (found->pw_uid == geteuid()) return std::optional<User>{};
  if (geteuid() != 0)
    return Error{ErrorCode::kForbidden, "only root can run as " + name, "leave out --user"};
  User user{name, found->pw_uid, found->pw_gid};
  if (Status given = give_data_dir(data_dir, user); !given) return std::move(given).error();
  return std::optional<User>{std::move(user)};
}

Status become(const User& user, const fs::path& data_dir) {
  give_entries(data_dir, user);
  give_up_everywhere();
  // The library does these for all threads.
  if (setgroups(0, nullptr) != 0 || setresgid(user.gid, user.gid, user.gid) != 0 ||
      setresuid(user.uid, user.uid, user.uid) != 0)
    return io_error("cannot become " + user.name, errno);
  if (setresuid(0, 0, 0) == 0)
    return Error{ErrorCode::kInternal, "root could be had again after becoming " + user.name};
  if (access(data_dir.c_str(), W_OK | X_OK) != 0)
    return Error{ErrorCode::kIo,
                 user.name + " cannot write to the data folder " + data_dir.string(),
                 "let it pass the folders above, or choose another with --data"};
  return check_all(user);
}

}  // namespace trivet::host
