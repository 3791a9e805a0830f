#include "store/parcel.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/digest.h"
#include "os/fd.h"
#include "store/archive.h"
#include "store/store.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFrame{"\x50\x2a\x4d\x18", 4};
constexpr std::string_view kEnd = "TRVP";
constexpr std::string_view kFirstWord = "contents ";
constexpr size_t kSum = std::tuple_size_v<Digest>;
constexpr size_t kAround = kFrame.size() + 4 + kSum + 4 + kEnd.size();  // of the text
constexpr size_t kTextMost = 4 << 20;

std::string as_bytes(uint32_t number) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift);
  return out;
}

uint32_t to_number(std::string_view bytes) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i)
    out |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return out;
}

Error damaged(const fs::path& file, const std::string& how) {
  return {ErrorCode::kInvalidInput, file.filename().string() + " " + how};
}

Result<std::string> bytes_at(int fd, const fs::path& file, uint64_t from, size_t count) {
  std::string out(count, '\0');
  for (size_t have = 0; have < count;) {
    ssize_t n = pread(fd, out.data() + have, count - have, static_cast<off_t>(from + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot read " + file.string(), errno);
    if (n == 0) return damaged(file, "became smaller meanwhile");
    have += static_cast<size_t>(n);
  }
  return out;
}

Result<Digest> sum_of(int fd, const fs::path& file, uint64_t size) {
  constexpr uint64_t kPiece = 1 << 20;
  Sha256 sum;
  for (uint64_t at = 0; at < size; at += kPiece) {
    auto piece = bytes_at(fd, file, at, static_cast<size_t>(std::min(kPiece, size - at)));
    if (!piece) return std::move(piece).error();
    sum.add(*piece);
  }
  return sum.digest();
}

// "../../KEY/files/NAME", as store.cc makes them.
bool leads_into_artifact(const Entry& entry) {
  constexpr std::string_view kUp = "../../", kFiles = "/files/";
  constexpr size_t kKey = 64;
  std::string_view target = entry.target;
  if (entry.kind != 'l' || entry.path.find('/') != std::string::npos || entry.path == "." ||
      entry.path == ".." || !target.starts_with(kUp))
    return false;
  target.remove_prefix(kUp.size());
  if (!is_key(target.substr(0, kKey)) || !target.substr(kKey).starts_with(kFiles)) return false;
  std::string_view name = target.substr(kKey + kFiles.size());
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos;
}

Label label_of(const Contents& contents) {
  Label label{contents.hash(), {contents.needs, {}}};
  for (const auto& entry : contents.entries)
    if (leads_into_artifact(entry)) label.links.entries.push_back(entry);
  return label;
}

Status append(const fs::path& file, const Label& label) {
  os::Fd fd{open(file.c_str(), O_RDWR | O_APPEND | O_CLOEXEC)};
  if (!fd) return io_error("cannot open " + file.string(), errno);
  std::string text = to_text(label);
  std::string tail{kFrame};
  tail += as_bytes(static_cast<uint32_t>(text.size() + kSum + 4 + kEnd.size())) + text;
  if (write(fd.get(), tail.data(), tail.size()) != static_cast<ssize_t>(tail.size()))
    return io_error("cannot write " + file.string(), errno);
  auto sum = sum_of(fd.get(), file, fs::file_size(file));
  if (!sum) return std::move(sum).error();
  tail = std::string{bytes_of(*sum)} + as_bytes(static_cast<uint32_t>(text.size()));
  tail += kEnd;
  if (write(fd.get(), tail.data(), tail.size()) != static_cast<ssize_t>(tail.size()))
    return io_error("cannot write " + file.string(), errno);
  return {};
}

}  // namespace

std::string to_text(const Label& label) {
  return std::string{kFirstWord} + label.contents + "\n" + to_text(label.links);
}

Result<Label> read_label(std::string_view text) {
  Error wrong{ErrorCode::kInvalidInput, "its label is not whole"};
  size_t end = text.find('\n');
  if (!text.starts_with(kFirstWord) || end == std::string_view::npos) return wrong;
  Label label;
  label.contents = text.substr(kFirstWord.size(), end - kFirstWord.size());
  if (!is_key(label.contents)) return wrong;
  auto links = read_contents(text.substr(end + 1));
  if (!links) return wrong;
  label.links = std::move(*links);
  for (const auto& key : label.links.needs)
    if (!is_key(key)) return wrong;
  for (const auto& entry : label.links.entries)
    if (!leads_into_artifact(entry))
      return Error{ErrorCode::kInvalidInput, "its label has a link that leads elsewhere"};
  return label;
}

Status make_parcel(const fs::path& artifact, const fs::path& file) {
  auto contents = contents_of(artifact);
  if (!contents) return std::move(contents).error();
  Label label = label_of(*contents);
  std::set<std::string> links;
  for (const auto& entry : label.links.entries) links.insert(entry.path);
  std::set<std::string> known;
  for (const auto& entry : contents->entries) known.insert(entry.path);
  auto leaves_out = [&](const std::string& path) {  // what came later is not the artifact's, either
    return links.contains(path) || !known.contains(path);
  };
  if (Status packed = pack(artifact / "files", file, leaves_out); !packed) return packed;
  return append(file, label);
}

Result<Label> check_parcel(const fs::path& file) {
  os::Fd fd{open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) return io_error("cannot open " + file.string(), errno);
  std::error_code ec;
  uint64_t size = fs::file_size(file, ec);
  if (ec || size < kAround) return damaged(file, "is no parcel");
  auto end = bytes_at(fd.get(), file, size - 8, 8);
  if (!end) return std::move(end).error();
  size_t length = to_number(*end);
  if (end->substr(4) != kEnd || length > kTextMost || length + kAround > size)
    return damaged(file, "is no parcel, or was cut");
  auto tail = bytes_at(fd.get(), file, size - length - kAround, length + kAround);
  if (!tail) return std::move(tail).error();
  auto sum = sum_of(fd.get(), file, size - 8 - kSum);
  if (!sum) return std::move(sum).error();
  if (tail->substr(8 + length, kSum) != bytes_of(*sum))
    return damaged(file, "has other bytes than when it was sent");
  auto label = read_label(std::string_view{*tail}.substr(8, length));
  if (!label) return damaged(file, ": " + label.error().message);
  return label;
}

Status open_parcel(const fs::path& file, const Label& label, const fs::path& into,
                   uint64_t max_bytes) {
  UnpackLimits limits;
  limits.bytes = max_bytes;
  auto unpacked = unpack(file, into, limits);
  if (!unpacked) return std::move(unpacked).error();
  for (const auto& link : label.links.entries) {
    std::error_code ec;
    fs::create_symlink(link.target, into / link.path, ec);
    if (ec) return damaged(file, "has " + link.path + " twice: " + ec.message());
  }
  return {};
}

}  // namespace trivet::store
