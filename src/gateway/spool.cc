#include "gateway/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/limits.h"
#include "wire/text.h"

namespace trivet::gateway {
namespace {

constexpr size_t kInMemory = 256 * limits::kKiB;

Error too_large(size_t limit) {
  return {ErrorCode::kPayloadTooLarge,
          "the body is larger than limits.payload, " + wire::format_size(limit)};
}

Result<os::Fd> nameless_file(const std::filesystem::path& dir) {
  os::Fd file{open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  if (file) return file;
  // Not every file system has O_TMPFILE.
  std::string path = (dir / "body.XXXXXX").string();
  file = os::Fd{mkostemp(path.data(), O_CLOEXEC)};
  if (!file) return io_error("cannot keep the body in " + dir.string(), errno);
  unlink(path.c_str());
  return file;
}

Status append(const os::Fd& file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = write(file.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("cannot keep the body", errno);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

class FileBody final : public worker::BodyStream {
 public:
  explicit FileBody(os::Fd file) : file_(std::move(file)) {}
  loop::Task<Result<std::string>> next() override {
    std::string piece(limits::kFrameChunk, '\0');
    ssize_t n = pread(file_.get(), piece.data(), piece.size(), at_);
    if (n < 0) co_return io_error("cannot read the body back", errno);
    at_ += n;
    piece.resize(static_cast<size_t>(n));
    co_return piece;
  }

 private:
  os::Fd file_;
  off_t at_ = 0;
};

}  // namespace

loop::Task<Status> take_body(net::Exchange& exchange, size_t limit,
                             const std::filesystem::path& dir, worker::Call& call) {
  if (exchange.request().content_length.value_or(0) > limit) co_return too_large(limit);
  if (auto whole = exchange.body_at_hand(limit)) {
    call.input = std::move(*whole);
    co_return Status{};
  }
  os::Fd file;
  for (size_t size = 0;;) {
    auto piece = co_await exchange.read_some();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) break;
    size += piece->size();
    if (size > limit) co_return too_large(limit);
    if (!file && size <= kInMemory) {
      call.input += *piece;
      continue;
    }
    if (!file) {
      auto opened = nameless_file(dir);
      if (!opened) co_return std::move(opened).error();
      file = std::move(*opened);
    }
    Status kept = append(file, *piece);
    if (!kept) co_return kept;
  }
  if (file) call.rest = std::make_unique<FileBody>(std::move(file));
  co_return Status{};
}

}  // namespace trivet::gateway
