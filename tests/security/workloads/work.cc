#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <thread>

static void check(bool is_fine, const char* what) {
  if (is_fine) return;
  std::perror(what);
  std::exit(1);
}

int main() {
  namespace fs = std::filesystem;
  fs::path folder = fs::temp_directory_path() / ("work-" + std::to_string(getpid()));
  fs::create_directory(folder);
  std::ofstream(folder / "file") << std::string(10000, 'x');
  fs::copy_file(folder / "file", folder / "file2");
  check(fs::file_size(folder / "file2") == 10000, "copy");
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  check(bind(server, reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(server, 1) == 0,
        "listen");
  getsockname(server, reinterpret_cast<sockaddr*>(&address), &size);
  std::thread client([&] {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check(
        connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && write(fd, "hello", 5) == 5,
        "connect");
  });
  char text[8];
  int accepted = accept4(server, nullptr, nullptr, SOCK_CLOEXEC);
  check(read(accepted, text, sizeof text) == 5, "read");
  client.join();
  check(std::async(std::launch::async, [] { return std::random_device{}() + 1 > 0; }).get(),
        "async");
  check(std::system("test $(echo out | cat) = out") == 0, "system");
  addrinfo* found = nullptr;
  check(getaddrinfo("localhost", "80", nullptr, &found) == 0, "name");
  fs::remove_all(folder);
  std::puts("fine");
}
