#include "launcher/messages.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace trivet::launcher {
namespace {

constexpr size_t kPacketMost = 48 * 1024;         // more travels in a memory file
constexpr size_t kMessageMost = 8 * 1024 * 1024;  // arguments and environment: exec takes less
constexpr size_t kFdsMost = std::max<size_t>(16, limits::kNetRulesMax);
constexpr uint8_t kInMemory = 0xff;  // first byte of a packet that stands for a memory file
constexpr size_t kControlHeader = 16;

class Writer {
 public:
  void number(uint64_t value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  void texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const auto& value : values) text(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  uint64_t number() {
    uint64_t value = 0;
    if (left_.size() < sizeof value) return fail(), 0;
    std::memcpy(&value, left_.data(), sizeof value);
    left_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    uint64_t size = number();
    if (size > left_.size()) return fail(), std::string{};
    std::string out{left_.substr(0, size)};
    left_.remove_prefix(size);
    return out;
  }
  // Of things that follow; each takes a byte at least.
  uint64_t count() {
    uint64_t count = number();
    if (count > left_.size()) return fail(), 0;
    return count;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (uint64_t left = count(); left > 0 && !failed_; --left) out.push_back(text());
    return out;
  }
  void fail() {
    failed_ = true;
    left_ = {};
  }
  bool failed() const { return failed_; }
  bool whole() const { return !failed_ && left_.empty(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

// The long message behind a packet of kInMemory.
Result<std::string> read_memory(int fd) {
  off_t size = lseek(fd, 0, SEEK_END);
  if (size < 0 || static_cast<size_t>(size) > kMessageMost)
    return Error{ErrorCode::kInvalidInput, "a launcher message that is too long"};
  std::string bytes(static_cast<size_t>(size), '\0');
  ssize_t n = pread(fd, bytes.data(), bytes.size(), 0);
  if (n != size) return io_error("cannot read a launcher message", errno);
  return bytes;
}

void put_be32(char* at, uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (24 - 8 * i));
}

uint32_t get_be32(const char* at) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

void put_policy(Writer& w, const sandbox::Policy& policy) {
  w.number(static_cast<uint64_t>(policy.level));
  w.number(static_cast<uint64_t>(policy.limits.memory_bytes));
  w.number(policy.limits.memory_is_asked);
  for (int value : {policy.limits.cpu_percent, policy.limits.pids, policy.limits.files})
    w.number(static_cast<uint64_t>(value));
  w.number(static_cast<uint64_t>(policy.limits.disk_bytes));
  w.number(policy.binds.size());
  for (const auto& bind : policy.binds) {
    w.text(bind.path);
    w.number(bind.writable);
  }
  w.number(policy.net.size());
  for (const auto& rule : policy.net) {
    w.text(rule.host);
    w.number(rule.port);
  }
  w.number(policy.host_network);
}

sandbox::Policy get_policy(Reader& r) {
  sandbox::Policy policy;
  uint64_t level = r.number();
  if (level > static_cast<uint64_t>(sandbox::Level::kStrict)) r.fail();
  policy.level = static_cast<sandbox::Level>(level & 3);
  policy.limits.memory_bytes = static_cast<int64_t>(r.number());
  policy.limits.memory_is_asked = r.number() != 0;
  for (int* value : {&policy.limits.cpu_percent, &policy.limits.pids, &policy.limits.files})
    *value = static_cast<int>(r.number());
  policy.limits.disk_bytes = static_cast<int64_t>(r.number());
  for (uint64_t left = r.count(); left > 0 && !r.failed(); --left) {
    std::string path = r.text();
    policy.binds.push_back({std::move(path), r.number() != 0});
  }
  for (uint64_t left = r.count(); left > 0 && !r.failed(); --left) {
    std::string host = r.text();
    policy.net.push_back({std::move(host), static_cast<uint16_t>(r.number())});
  }
  policy.host_network = r.number() != 0;
  return policy;
}

void put_layers(Writer& w, const std::vector<sandbox::Layer>& layers) {
  w.number(layers.size());
  for (const auto& layer : layers) {
    for (const auto* text : {&layer.name, &layer.why, &layer.fix}) w.text(*text);
    w.number(static_cast<uint64_t>(layer.from));
    w.number(layer.is_active);
    w.number(layer.is_needed);
  }
}

std::vector<sandbox::Layer> get_layers(Reader& r) {
  std::vector<sandbox::Layer> layers;
  for (uint64_t left = r.count(); left > 0 && !r.failed(); --left) {
    sandbox::Layer layer;
    for (auto* text : {&layer.name, &layer.why, &layer.fix}) *text = r.text();
    layer.from = static_cast<sandbox::Level>(r.number() & 3);
    layer.is_active = r.number() != 0;
    layer.is_needed = r.number() != 0;
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

std::string encode(const Message& m) {
  Writer w;
  w.number(static_cast<uint64_t>(m.kind));
  w.number(m.ticket);
  w.number(m.is_zygote);
  w.number(m.is_blank);
  put_policy(w, m.policy);
  w.text(m.cookie);
  w.number(m.zygote);
  w.text(m.cwd);
  w.texts(m.argv);
  w.texts(m.env);
  w.number(m.targets.size());
  for (int32_t target : m.targets) w.number(static_cast<uint64_t>(target));
  w.number(static_cast<uint64_t>(m.pid));
  w.text(m.not_started);
  w.number(static_cast<uint64_t>(static_cast<int64_t>(m.code)));
  w.number(static_cast<uint64_t>(m.signal));
  for (int64_t value : {m.user_us, m.system_us, m.max_rss_kib})
    w.number(static_cast<uint64_t>(value));
  w.number(m.out_of_memory);
  w.number(m.with_zygote);
  put_layers(w, m.layers);
  return w.take();
}

Result<Message> decode(std::string_view bytes) {
  Reader r{bytes};
  Message m;
  m.kind = static_cast<Kind>(r.number());
  m.ticket = static_cast<uint32_t>(r.number());
  m.is_zygote = r.number() != 0;
  m.is_blank = r.number() != 0;
  m.policy = get_policy(r);
  m.cookie = r.text();
  m.zygote = static_cast<uint32_t>(r.number());
  m.cwd = r.text();
  m.argv = r.texts();
  m.env = r.texts();
  uint64_t targets = r.number();
  for (uint64_t i = 0; i < targets && i < kFdsMost; ++i)
    m.targets.push_back(static_cast<int32_t>(r.number()));
  m.pid = static_cast<int32_t>(r.number());
  m.not_started = r.text();
  m.code = static_cast<int32_t>(r.number());
  m.signal = static_cast<int32_t>(r.number());
  m.user_us = static_cast<int64_t>(r.number());
  m.system_us = static_cast<int64_t>(r.number());
  m.max_rss_kib = static_cast<int64_t>(r.number());
  m.out_of_memory = r.number() != 0;
  m.with_zygote = r.number() != 0;
  m.layers = get_layers(r);
  if (!r.whole() || targets > kFdsMost)
    return Error{ErrorCode::kInvalidInput, "not a launcher message"};
  return m;
}

bool send_packet(int socket, std::string_view bytes, const std::vector<int>& fds) {
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kFdsMost + 1))] = {};
  if (!fds.empty()) {
    size_t size = sizeof(int) * fds.size();
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), fds.data(), size);
  }
  ssize_t n;
  do n = sendmsg(socket, &header, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == static_cast<ssize_t>(bytes.size());
}

Result<bool> send(int socket, const Message& message, const std::vector<int>& fds) {
  if (fds.size() > kFdsMost) return Error{ErrorCode::kInternal, "too many descriptors"};
  std::string bytes = encode(message);
  std::vector<int> beside = fds;
  os::Fd memory;
  if (bytes.size() > kPacketMost) {
    memory = os::Fd{memfd_create("trivet-message", MFD_CLOEXEC)};
    ssize_t n = memory ? write(memory.get(), bytes.data(), bytes.size()) : -1;
    if (n != static_cast<ssize_t>(bytes.size()))
      return io_error("cannot hand a long message to the launcher", errno);
    beside.push_back(memory.get());
    bytes.assign(1, static_cast<char>(kInMemory));
  }
  if (send_packet(socket, bytes, beside)) return true;
  if (errno == EAGAIN || errno == ENOBUFS) return false;
  return io_error("the launcher is gone", errno);
}

Result<Received> receive(int socket, Parcel& parcel) {
  std::array<char, kPacketMost + 1> buffer;
  iovec part{buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (kFdsMost + 1))];
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t n;
  do n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::kNothing;
  if (n < 0 && errno != ECONNRESET) return io_error("cannot hear the other side", errno);
  if (n <= 0) return Received::kEnd;

  parcel.fds.clear();
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      parcel.fds.emplace_back(fd);
    }
  }
  std::string_view bytes{buffer.data(), static_cast<size_t>(n)};
  std::string from_memory;
  if (n == 1 && static_cast<uint8_t>(buffer[0]) == kInMemory && !parcel.fds.empty()) {
    auto read = read_memory(parcel.fds.back().get());
    if (!read) return std::move(read).error();
    from_memory = std::move(*read);
    parcel.fds.pop_back();
    bytes = from_memory;
  }
  auto message = decode(bytes);
  if (!message) return std::move(message).error();
  parcel.message = std::move(*message);
  return Received::kParcel;
}

std::string encode_control(const ControlFrame& frame) {
  std::string out(kControlHeader, '\0');
  put_be32(out.data(), static_cast<uint32_t>(kControlHeader - 4 + frame.body.size()));
  out[4] = static_cast<char>(frame.type);
  put_be32(out.data() + 8, frame.ticket);
  return out + frame.body;
}

Result<ControlFrame> decode_control(std::string_view packet) {
  if (packet.size() < kControlHeader || get_be32(packet.data()) != packet.size() - 4 ||
      get_be32(packet.data() + 12) != 0)
    return Error{ErrorCode::kInvalidOutput, "not a control frame"};
  return ControlFrame{static_cast<uint8_t>(packet[4]), get_be32(packet.data() + 8),
                      std::string{packet.substr(kControlHeader)}};
}

}  // namespace trivet::launcher
