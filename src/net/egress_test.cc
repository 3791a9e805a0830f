// Doors and forwarder together: programs in a network namespace of their own use names, ports and
// TLS as they are, and get nowhere else. The server is on an address of another namespace's own.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "net/dial.h"
#include "net/forwarder.h"
#include "net/sockets_test.h"
#include "sandbox/loopback.h"
#include "sandbox/namespace_test.h"

namespace trivet::net {
namespace {

constexpr const char* kServerAddress = "10.99.0.2";
constexpr const char* kName = "api.example.test";

// Says over TLS by which name it was asked for, and echoes in plain.
constexpr const char* kServer = R"(
import os, socket, ssl, sys, threading
folder, address = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
def named(connection, name, _): connection.asked = name
context.sni_callback = named
def tls():
    listening = socket.create_server((address, 8443))
    ready.release()
    while True:
        try:
            connection = context.wrap_socket(listening.accept()[0], server_side=True)
            connection.recv(65536)
            body = ("sni=%s" % connection.asked).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            connection.close()
        except OSError: pass
def plain():
    listening = socket.create_server((address, 8080))
    ready.release()
    while True:
        connection = listening.accept()[0]
        while piece := connection.recv(65536): connection.sendall(piece)
        connection.close()
ready = threading.Semaphore(0)
for work in (tls, plain): threading.Thread(target=work, daemon=True).start()
for _ in range(2): ready.acquire()
os.write(1, b"r")
threading.Event().wait()
)";

constexpr const char* kPythonTls = R"(
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[1] + "/cert.pem")
with urllib.request.urlopen("https://api.example.test:8443/", context=context, timeout=20) as reply:
    text = reply.read().decode()
assert text == "sni=api.example.test", text
)";

constexpr const char* kNodeTls = R"(
require("https").get("https://api.example.test:8443/", {ca: require("fs").readFileSync(process.argv[1] + "/cert.pem")}, r => {
  let text = ""; r.on("data", d => text += d); r.on("end", () => process.exit(text === "sni=api.example.test" ? 0 : 3));
}).on("error", e => { console.error(e); process.exit(4); });
)";

constexpr const char* kCurlTls = R"(
text=$(curl -sS --max-time 20 --cacert "$0/cert.pem" https://api.example.test:8443/) && [ "$text" = sni=api.example.test ]
)";

constexpr const char* kPythonMuch = R"(
import socket, threading
connection = socket.create_connection(("api.example.test", 8080), 20)
size, got = 20_000_000, 0
def send():
    for _ in range(size // 100_000): connection.sendall(bytes(range(250)) * 400)
    connection.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
while piece := connection.recv(65536):
    assert all(piece[i] == (got + i) % 250 for i in range(0, len(piece), 997))
    got += len(piece)
assert got == size, got
)";

constexpr const char* kPythonElsewhere = R"(
import errno, socket, time
def fails(what, *codes):
    try: what()
    except OSError as error: assert error.errno in codes, (error, codes)
    else: raise AssertionError("it works")
began = time.monotonic()
def tcp(address): return lambda: socket.create_connection(address, 5)
fails(tcp(("10.99.0.2", 8443)), errno.ENETUNREACH)
fails(tcp(("169.254.169.254", 80)), errno.ENETUNREACH)
fails(tcp(("api.example.test", 9)), errno.ECONNREFUSED)
fails(tcp(("127.0.0.1", 8080)), errno.ECONNREFUSED)
fails(tcp(("other.example.test", 8443)), socket.EAI_NONAME)
fails(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("8.8.8.8", 53)), errno.ENETUNREACH)
fails(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"x", ("2001:4860:4860::8888", 53)),
      errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
assert time.monotonic() - began < 3
)";

constexpr const char* kPythonReset = R"(
import errno, socket
try: socket.create_connection(("api.example.test", 8080), 20).recv(1)
except OSError as error: assert error.errno == errno.ECONNRESET, error
else: raise AssertionError("it was not reset")
)";

void write_file(const std::string& path, const std::string& text) { std::ofstream{path} << text; }

bool send_sockets(int to, const std::vector<os::Fd>& sockets) {
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int) * 8)] = {};
  char byte = 'd';
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * sockets.size());
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * sockets.size());
  for (size_t i = 0; i < sockets.size(); ++i) {
    int fd = sockets[i].get();
    std::memcpy(CMSG_DATA(head) + i * sizeof fd, &fd, sizeof fd);
  }
  return sendmsg(to, &message, 0) == 1;
}

std::vector<os::Fd> receive_sockets(int from, size_t count) {
  alignas(cmsghdr) char room[CMSG_SPACE(sizeof(int) * 8)];
  char byte;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room;
  message.msg_controllen = sizeof room;
  std::vector<os::Fd> sockets;
  if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) != 1) return sockets;
  for (size_t i = 0; CMSG_FIRSTHDR(&message) && i < count; ++i) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)) + i * sizeof fd, sizeof fd);
    sockets.emplace_back(fd);
  }
  return sockets;
}

bool bind_over(const std::string& file, const char* target) {
  return mount(file.c_str(), target, nullptr, MS_BIND, nullptr) == 0;
}

// A worker: doors, its own /etc/hosts, then the program. Never returns.
[[noreturn]] void become_worker(const std::vector<sandbox::Door>& doors, const std::string& folder,
                                int to_host, std::vector<std::string> command) {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) _exit(90);
  auto sockets = sandbox::open_doors(doors);
  if (!sockets || !send_sockets(to_host, *sockets)) _exit(91);
  write_file(folder + "/hosts", sandbox::hosts_text(doors));
  write_file(folder + "/nsswitch", "passwd: files\nhosts: files\n");
  if (!bind_over(folder + "/hosts", "/etc/hosts") ||
      !bind_over(folder + "/nsswitch", "/etc/nsswitch.conf"))
    _exit(92);
  std::vector<char*> argv;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(93);
}

class Lines final : public LogSink {
 public:
  void write(LogLine line) override { lines.push_back(std::move(line)); }
  std::vector<LogLine> lines;
};

// In the host's place: its exit code is the worker's, or 80 and more when something else failed.
int host(const std::string& folder, const std::vector<std::string>& command, bool reaches_itself,
         const char* line) {
  if (!sandbox::bring_loopback_up() || !sandbox::add_to_loopback(kServerAddress)) return 80;
  if (!is_this_host(kServerAddress) || is_this_host("10.99.0.3")) return 81;
  int ready[2], pair[2];
  if (pipe(ready) != 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return 82;
  pid_t server = fork();
  if (server == 0) {
    alarm(60);
    dup2(ready[1], 1);
    execl("/usr/bin/python3", "python3", "-c", kServer, folder.c_str(), kServerAddress, nullptr);
    _exit(1);
  }
  char byte;
  close(ready[1]);
  if (read(ready[0], &byte, 1) != 1) return 83;
  auto doors = sandbox::plan_doors({{kName, 8443}, {kName, 8080}});
  pid_t worker = fork();
  if (worker == 0) {
    alarm(60);
    become_worker(*doors, folder, pair[1], command);
  }
  close(pair[1]);
  loop::Loop loop;
  FakeResolver resolver;
  resolver.names[kName] = {kServerAddress};
  Lines log;
  RealClock clock;
  Forwarder::Settings settings;
  settings.reach.this_host = reaches_itself;
  Forwarder forwarder{loop, resolver, log, clock, settings};
  auto sockets = receive_sockets(pair[0], doors->size());
  if (sockets.size() != doors->size()) return 84;
  auto passage = forwarder.open("f", worker, *doors, std::move(sockets));
  int status = 0;
  bool ended = false;
  for (Instant end = RealClock{}.now() + 50s; !ended && RealClock{}.now() < end;) {
    loop.run_once(RealClock{}.now() + 2ms);
    ended = waitpid(worker, &status, WNOHANG) == worker;
  }
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
  if (!ended || !WIFEXITED(status)) return 85;
  bool told = !log.lines.empty() && log.lines[0].message.find(line) != std::string::npos;
  if (*line ? !told : !log.lines.empty()) return 86;
  return WEXITSTATUS(status);
}

class EgressTest : public ::testing::Test {
 protected:
  EgressTest() {
    char pattern[] = "/tmp/trivet-egress-XXXXXX";
    folder = mkdtemp(pattern);
  }
  ~EgressTest() override { std::filesystem::remove_all(folder); }

  // Runs a program in a worker's place; it finds the server's certificate in its last argument.
  void expect_works(std::vector<std::string> command, bool reaches_itself = true,
                    const char* line = "") {
    for (const std::string& needed : {command[0], std::string{"/usr/bin/python3"}})
      if (access(needed.c_str(), X_OK) != 0) GTEST_SKIP() << needed << " is not installed";
    std::string make =
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext "
        "subjectAltName=DNS:" +
        std::string{kName} + " -keyout " + folder + "/key.pem -out " + folder +
        "/cert.pem 2>/dev/null";
    if (std::system(make.c_str()) != 0) GTEST_SKIP() << "openssl is not installed";
    command.push_back(folder);
    int code = sandbox::confined([&] { return host(folder, command, reaches_itself, line); });
    if (code == sandbox::kCannotConfine) GTEST_SKIP() << "no network namespaces here";
    EXPECT_EQ(code, 0);
  }
  std::string folder;
};

TEST_F(EgressTest, python_speaks_tls_to_a_name) {
  expect_works({"/usr/bin/python3", "-c", kPythonTls});
}
TEST_F(EgressTest, node_speaks_tls_to_a_name) { expect_works({"/usr/bin/node", "-e", kNodeTls}); }
TEST_F(EgressTest, curl_speaks_tls_to_a_name) {
  if (access("/usr/bin/curl", X_OK) != 0) GTEST_SKIP() << "curl is not installed";
  expect_works({"/bin/sh", "-c", kCurlTls});
}
TEST_F(EgressTest, much_arrives_whole_and_in_order) {
  expect_works({"/usr/bin/python3", "-c", kPythonMuch});
}
TEST_F(EgressTest, everything_else_fails_fast) {
  expect_works({"/usr/bin/python3", "-c", kPythonElsewhere});
}
TEST_F(EgressTest, an_address_of_the_host_is_refused) {
  expect_works({"/usr/bin/python3", "-c", kPythonReset}, false,
               "10.99.0.2 is an address of this host");
}

}  // namespace
}  // namespace trivet::net
