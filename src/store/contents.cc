#include "store/contents.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "os/fd.h"
#include "store/tree_hash.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "trivet artifact 1";

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (unsigned char c : text) {
    if (c > ' ' && c != '%' && c != 0x7F) {
      out.push_back(static_cast<char>(c));
      continue;
    }
    out += {'%', kDigits[c >> 4], kDigits[c & 15]};
  }
  return out;
}

template <class T>
bool to_number(std::string_view text, T& number, int base = 10) {
  auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return wrong == std::errc{} && end == text.data() + text.size();
}

bool unescape(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = static_cast<unsigned char>(text[i]);
    if (byte == '%') {
      if (!to_number(text.substr(i + 1, 2), byte, 16) || i + 2 >= text.size()) return false;
      i += 2;
    }
    out.push_back(static_cast<char>(byte));
  }
  return !out.empty();
}

// The text up to the next blank, which is taken away with it.
std::string_view next_word(std::string_view& line) {
  size_t end = std::min(line.find(' '), line.size());
  std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

bool read_entry(char kind, std::string_view line, Entry& entry) {
  entry.kind = kind;
  if (kind == 'f') {
    std::string_view mode = next_word(line);
    entry.is_program = mode == "x";
    if (mode != "x" && mode != "-") return false;
    if (!to_number(next_word(line), entry.size)) return false;
    if (!to_number(next_word(line), entry.mtime)) return false;
    entry.hash = next_word(line);
  } else if (kind == 'l' && !unescape(next_word(line), entry.target)) {
    return false;
  }
  return unescape(line, entry.path);
}

int64_t mtime_of(const struct stat& found) {
  return int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec;
}

Result<std::string> hash_of(const fs::path& file) {
  os::Fd in{open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!in) return io_error("cannot read " + file.string(), errno);
  ContentHash hash;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    ssize_t n = read(in.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot read " + file.string(), errno);
    if (n == 0) return hash.hex();
    hash.add_bytes({buffer.data(), static_cast<size_t>(n)});
  }
}

// `path` is relative to `dir`.
Result<Entry> entry_at(const fs::path& dir, const std::string& path) {
  Entry entry;
  entry.path = path;
  struct stat found {};
  fs::path place = dir / path;
  if (lstat(place.c_str(), &found) != 0) return io_error("cannot look at " + place.string(), errno);
  if (S_ISDIR(found.st_mode)) {
    entry.kind = 'd';
  } else if (S_ISLNK(found.st_mode)) {
    std::error_code ec;
    entry.kind = 'l';
    entry.target = fs::read_symlink(place, ec).string();
    if (ec) return Error{ErrorCode::kIo, "cannot read " + place.string() + ": " + ec.message()};
  } else if (!S_ISREG(found.st_mode)) {  // to read a fifo would be to wait for ever
    return Error{ErrorCode::kIo, place.string() + " is no file, folder or link"};
  } else {
    entry.size = static_cast<uint64_t>(found.st_size);
    entry.mtime = mtime_of(found);
    entry.is_program = (found.st_mode & 0111) != 0;
  }
  return entry;
}

std::string difference_of(const Entry& then, const fs::path& dir, bool deep) {
  auto now = entry_at(dir, then.path);
  if (!now) return then.path + " is gone";
  if (now->kind != then.kind) return then.path + " is something else";
  if (now->target != then.target) return then.path + " leads elsewhere";
  if (now->size != then.size) return then.path + " has another size";
  if (now->mtime != then.mtime) return then.path + " was written to";
  if (!deep || then.kind != 'f') return {};
  auto hash = hash_of(dir / then.path);
  if (!hash) return hash.error().message;
  return *hash == then.hash ? "" : then.path + " has other bytes";
}

}  // namespace

std::string Contents::hash() const {
  ContentHash hash;
  for (const auto& entry : entries) {
    hash.add(entry.path, std::string{entry.kind} + (entry.is_program ? "x" : "-"));
    hash.add(entry.target, entry.hash);
  }
  return hash.hex();
}

std::string to_text(const Contents& contents) {
  std::string out{kFirstLine};
  out += '\n';
  for (const auto& key : contents.needs) out += "needs " + escaped(key) + "\n";
  for (const auto& entry : contents.entries) {
    out += entry.kind;
    if (entry.kind == 'f')
      out += std::string{entry.is_program ? " x " : " - "} + std::to_string(entry.size) + " " +
             std::to_string(entry.mtime) + " " + entry.hash;
    if (entry.kind == 'l') out += " " + escaped(entry.target);
    out += " " + escaped(entry.path) + "\n";
  }
  return out + "end " + contents.hash() + "\n";
}

Result<Contents> read_contents(std::string_view text) {
  Error damaged{ErrorCode::kInvalidInput, "this is no description of an artifact"};
  Contents out;
  bool is_first = true, has_end = false;
  while (!text.empty()) {
    size_t end = text.find('\n');
    if (end == std::string_view::npos || has_end) return damaged;
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (std::exchange(is_first, false)) {
      if (line != kFirstLine) return damaged;
      continue;
    }
    std::string_view word = next_word(line);
    if (word == "needs") {
      if (!unescape(line, out.needs.emplace_back())) return damaged;
    } else if (word == "end") {
      has_end = line == out.hash();
      if (!has_end) return damaged;
    } else if (word != "f" && word != "d" && word != "l") {
      return damaged;
    } else if (!read_entry(word[0], line, out.entries.emplace_back())) {
      return damaged;
    }
  }
  if (!has_end) return damaged;
  return out;
}

Result<Contents> look_at(const fs::path& dir) {
  std::vector<std::string> paths;
  std::error_code ec;
  for (auto it = fs::recursive_directory_iterator(dir, ec);
       !ec && it != fs::recursive_directory_iterator{}; it.increment(ec))
    paths.push_back(it->path().lexically_relative(dir).string());
  if (ec) return Error{ErrorCode::kIo, "cannot list " + dir.string() + ": " + ec.message()};
  std::sort(paths.begin(), paths.end());
  Contents out;
  for (const auto& path : paths) {
    auto entry = entry_at(dir, path);
    if (!entry) return std::move(entry).error();
    if (entry->kind == 'f') {
      auto hash = hash_of(dir / path);
      if (!hash) return std::move(hash).error();
      entry->hash = std::move(*hash);
    }
    out.entries.push_back(std::move(*entry));
  }
  return out;
}

std::string difference(const Contents& contents, const fs::path& dir, bool deep) {
  for (const auto& entry : contents.entries)
    if (auto text = difference_of(entry, dir, deep); !text.empty()) return text;
  return {};
}

uint64_t bytes_below(const fs::path& dir) {
  uint64_t sum = 0;
  std::error_code ec, gone;
  for (auto it =
           fs::recursive_directory_iterator(dir, fs::directory_options::skip_permission_denied, ec);
       !ec && it != fs::recursive_directory_iterator{}; it.increment(ec)) {
    struct stat found {};
    if (lstat(it->path().c_str(), &found) == 0 && S_ISREG(found.st_mode))
      sum += static_cast<uint64_t>(found.st_size);
  }
  return sum;
}

}  // namespace trivet::store
