// A hostile function: does what `attack` says by the means of this language, and answers what came of it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <iostream>
#include <mutex>
#include <system_error>
#include <thread>

#include <trivet.hpp>

extern char** environ;

struct Input {
  std::string attack, argument;
  std::vector<std::string> arguments;
};
TRIVET_RECORD(Input, attack, argument, arguments)

static int must(int result) {
  if (result < 0) throw std::system_error(errno, std::generic_category());
  return result;
}

static void opened(const std::string& path, int flags) {
  int fd = must(open(path.c_str(), flags | O_CLOEXEC));
  char byte;
  if (flags == O_RDONLY && read(fd, &byte, 1) < 0) byte = 0;
  close(fd);
}

static void connected(const std::string& address) {
  auto colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(std::stoi(address.substr(colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int result = connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to), error = errno;
  close(fd);
  if (result < 0) throw std::system_error(error, std::generic_category());
}

static std::string spawned(const std::vector<std::string>& list) {
  std::vector<char*> arguments;
  for (const std::string& each : list) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  int out[2];
  must(pipe2(out, O_CLOEXEC));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawn_file_actions_adddup2(&actions, out[1], 2);
  pid_t pid;
  int error = posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  std::string text;
  char block[4096];
  for (ssize_t size; (size = read(out[0], block, sizeof block)) > 0;) text.append(block, size);
  close(out[0]);
  if (error) throw std::system_error(error, std::generic_category());
  waitpid(pid, nullptr, 0);
  return text;
}

static void tasks(int count) {
  std::mutex mutex;
  std::condition_variable changed;
  bool ended = false;
  std::vector<std::thread> threads;
  std::exception_ptr failure;
  try {
    for (int i = 0; i < count; i++) {
      threads.emplace_back([&] {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return ended; });
      });
    }
  } catch (const std::system_error&) {
    failure = std::current_exception();
  }
  {
    std::lock_guard lock(mutex);
    ended = true;
  }
  changed.notify_all();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

static void memory(int mib) {
  std::vector<std::string> kept;
  for (int i = 0; i < mib; i++) kept.emplace_back(1 << 20, static_cast<char>('a' + i % 26));
}

static std::string attack(const Input& in) {
  auto number = [&] { return std::stoi(in.argument); };
  if (in.attack == "read") opened(in.argument, O_RDONLY);
  if (in.attack == "write") opened(in.argument, O_WRONLY | O_APPEND);
  if (in.attack == "tcp") connected(in.argument);
  if (in.attack == "kill") must(kill(number(), 0));
  if (in.attack == "spawn") return spawned(in.arguments);
  if (in.attack == "environment") {
    std::string text;
    for (char** each = environ; *each; each++) text.append(*each).append("\n");
    return text;
  }
  if (in.attack == "tasks") tasks(number());
  if (in.attack == "memory") memory(number());
  if (in.attack == "print") {
    for (int i = number(); i > 0; i--) std::cout << std::string(999, 'x') << '\n';
  }
  if (in.attack == "reply") return std::string(static_cast<std::size_t>(number()) << 20, 'x');
  for (volatile bool spins = in.attack == "spin"; spins;) continue;
  return "";
}

trivet::Json handler(const Input& in, trivet::Context&) {
  try {
    return trivet::Json::object({{"outcome", "allowed"}, {"detail", attack(in)}});
  } catch (const std::system_error& error) {
    return trivet::Json::object({{"outcome", error.code().message()}});
  }
}
