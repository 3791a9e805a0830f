#include "store/s3.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <random>
#include <thread>

#include "base/digest.h"
#include "os/fd.h"
#include "store/s3_answers.h"

namespace trivet::store {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kWholeMost = 16 * kMiB;  // what is sent by one request
constexpr uint64_t kPart = 8 * kMiB;        // of what is larger; S3 takes no less than 5 MiB
constexpr uint64_t kPartsMost = 10'000;     // S3's
constexpr const char* kSuffix = ".tar.zst";

Result<std::string> sum_of(int fd, uint64_t offset, uint64_t size) {
  Sha256 sum;
  std::string buffer(1 << 16, '\0');
  while (size > 0) {
    ssize_t n = pread(fd, buffer.data(), std::min<uint64_t>(buffer.size(), size),
                      static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return io_error("cannot read what is to be sent", n < 0 ? errno : EIO);
    sum.add({buffer.data(), static_cast<size_t>(n)});
    offset += static_cast<uint64_t>(n);
    size -= static_cast<uint64_t>(n);
  }
  return to_hex(bytes_of(sum.digest()));
}

int64_t seconds_of(const std::string& time) {  // "2010-11-10T20:48:33.000Z"
  tm utc{};
  return strptime(time.c_str(), "%Y-%m-%dT%H:%M:%S", &utc) ? timegm(&utc) : 0;
}

}  // namespace

struct S3Store::Ask {
  std::string method, object;  // no object: the bucket
  Pairs query{};
  std::string body{};
  int from = -1;
  uint64_t offset = 0, size = 0;
  int to = -1;
};

std::string S3Store::under_prefix(const std::string& name) const {
  return config_.prefix.empty() ? name : config_.prefix + "/" + name;
}

std::string S3Store::object_of(const std::string& key) const { return under_prefix(key + kSuffix); }

std::string S3Store::where(const std::string& object) const {
  std::string out = "S3 at " + config_.scheme + "://" + config_.host + config_.path + ", bucket " +
                    config_.bucket;
  return object.empty() ? out : out + ", key " + object;
}

Result<HttpAnswer> S3Store::ask_once(const Ask& ask) {
  std::string date = amz_date(std::chrono::duration_cast<std::chrono::seconds>(
                                  std::chrono::system_clock::now().time_since_epoch())
                                  .count());
  ToSign sign;
  sign.method = ask.method;
  sign.path = uri_escape(config_.path, true);
  if (config_.bucket_in_path) sign.path += "/" + config_.bucket;
  sign.path += "/" + uri_escape(ask.object, true);
  sign.query = ask.query;
  if (ask.from >= 0) {
    auto sum = sum_of(ask.from, ask.offset, ask.size);
    if (!sum) return std::move(sum).error();
    sign.payload_sum = *sum;
  } else {
    sign.payload_sum = to_hex(bytes_of(sha256(ask.body)));
  }
  sign.headers = {
      {"host", config_.host}, {"x-amz-content-sha256", sign.payload_sum}, {"x-amz-date", date}};
  if (!config_.credentials.token.empty())
    sign.headers.emplace_back("x-amz-security-token", config_.credentials.token);
  HttpRequest request;
  request.method = ask.method;
  request.url = config_.scheme + "://" + config_.host + sign.path;
  if (!ask.query.empty()) request.url += "?" + canonical_query(ask.query);
  request.headers = sign.headers;
  request.headers.emplace_back("authorization",
                               authorization(sign, {config_.credentials, config_.region}, date));
  request.body = ask.body;
  request.from = ask.from;
  request.offset = ask.offset;
  request.size = ask.size;
  request.to = ask.to;
  if (ask.to >= 0 && ftruncate(ask.to, 0) != 0) return io_error("cannot empty a file", errno);
  return http_->send(request);
}

// Until it is answered, by an error that will stay, or the tries are used up. An answer that comes
// back is one of success.
Result<HttpAnswer> S3Store::ask(const Ask& ask) {
  std::minstd_rand random{std::random_device{}()};
  std::uniform_real_distribution<double> jitter{0.5, 1.5};
  auto pause = patience_.pause;
  auto end = std::chrono::steady_clock::now() + patience_.within;
  for (int tried = 1;; ++tried) {
    auto answer = ask_once(ask);
    // Of an upload that is completed the status comes before it is known how it went.
    bool is_success =
        answer && answer->status / 100 == 2 && xml_inside(answer->body, "Error").empty();
    if (is_success) return answer;
    bool is_worth_it = answer ? is_worth_another_try(*answer) || answer->status / 100 == 2
                              : answer.error().code == ErrorCode::kUnavailable;
    if (!is_worth_it || tried >= patience_.tries || std::chrono::steady_clock::now() > end) {
      if (answer) return error_of(*answer, where(ask.object));
      Error error = std::move(answer).error();
      error.message = where(ask.object) + ": " + error.message;
      return error;
    }
    std::this_thread::sleep_for(pause * jitter(random));
    pause *= 2;
  }
}

Status S3Store::fetch(const std::string& key, const fs::path& file) {
  os::Fd to{::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
  if (!to) return io_error("cannot make " + file.string(), errno);
  Ask get{"GET", object_of(key)};
  get.to = to.get();
  auto answer = ask(get);
  return answer ? Status{} : Status{std::move(answer).error()};
}

Result<bool> S3Store::has(const std::string& key) {
  auto answer = ask({"HEAD", object_of(key)});
  if (answer) return true;
  if (answer.error().code == ErrorCode::kNotFound) return false;
  return std::move(answer).error();
}

Status S3Store::put(const fs::path& file, const std::string& key) {
  os::Fd from{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!from) return io_error("cannot read " + file.string(), errno);
  uint64_t size = fs::file_size(file);
  std::string object = object_of(key);
  if (size <= kWholeMost) return put_whole(from.get(), size, object);
  auto upload = begin_parts(object);
  if (!upload) return std::move(upload).error();
  Status put = put_parts(from.get(), size, object, *upload);
  if (!put) give_up(object, *upload);
  return put;
}

Status S3Store::put_whole(int fd, uint64_t size, const std::string& object) {
  Ask put{"PUT", object};
  put.from = fd;
  put.size = size;
  auto answer = ask(put);
  return answer ? Status{} : Status{std::move(answer).error()};
}

Result<std::string> S3Store::begin_parts(const std::string& object) {
  auto answer = ask({"POST", object, {{"uploads", ""}}});
  if (!answer) return std::move(answer).error();
  std::string upload = xml_text(answer->body, "UploadId");
  if (upload.empty())
    return Error{ErrorCode::kUnavailable, where(object) + ": it gave the upload no id"};
  return upload;
}

Status S3Store::put_parts(int fd, uint64_t size, const std::string& object,
                          const std::string& upload) {
  uint64_t part = std::max(kPart, (size / kPartsMost / kMiB + 1) * kMiB);
  std::string parts;
  int number = 1;
  for (uint64_t at = 0; at < size; at += part, ++number) {
    Ask put{"PUT", object, {{"partNumber", std::to_string(number)}, {"uploadId", upload}}};
    put.from = fd;
    put.offset = at;
    put.size = std::min(part, size - at);
    auto answer = ask(put);
    if (!answer) return std::move(answer).error();
    parts += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" +
             answer->headers["etag"] + "</ETag></Part>";
  }
  return end_parts(object, upload, std::move(parts));
}

Status S3Store::end_parts(const std::string& object, const std::string& upload, std::string parts) {
  Ask end{"POST", object, {{"uploadId", upload}}};
  end.body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" + parts +
             "</CompleteMultipartUpload>";
  auto answer = ask(end);
  if (answer) return {};
  // The answer to an earlier try may have been lost on its way.
  if (answer.error().message.find("NoSuchUpload") != std::string::npos) {
    auto there = ask({"HEAD", object});
    if (there) return {};
  }
  return std::move(answer).error();
}

// Once: what is left is dropped later.
void S3Store::give_up(const std::string& object, const std::string& upload) {
  static_cast<void>(ask_once({"DELETE", object, {{"uploadId", upload}}}));
}

Result<StoredAmount> S3Store::amount() {
  StoredAmount out;
  std::string next;
  do {
    Pairs query{{"list-type", "2"}, {"prefix", under_prefix("")}};
    if (!next.empty()) query.emplace_back("continuation-token", next);
    auto answer = ask({"GET", "", std::move(query)});
    if (!answer) return std::move(answer).error();
    for (const auto& object : xml_inside(answer->body, "Contents")) {
      if (!xml_text(object, "Key").ends_with(kSuffix)) continue;
      ++out.objects;
      out.bytes += std::strtoull(xml_text(object, "Size").c_str(), nullptr, 10);
    }
    next = xml_text(answer->body, "NextContinuationToken");
  } while (!next.empty());
  return out;
}

Result<uint64_t> S3Store::drop_unfinished(Duration age) {
  auto answer = ask({"GET", "", {{"uploads", ""}, {"prefix", under_prefix("")}}});
  if (!answer) return std::move(answer).error();
  int64_t oldest = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch() - age)
                       .count();
  uint64_t dropped = 0;
  for (const auto& upload : xml_inside(answer->body, "Upload")) {
    std::string object = xml_text(upload, "Key");
    if (!object.ends_with(kSuffix) || seconds_of(xml_text(upload, "Initiated")) > oldest) continue;
    auto gone = ask({"DELETE", object, {{"uploadId", xml_text(upload, "UploadId")}}});
    dropped += gone.ok();
  }
  return dropped;
}

}  // namespace trivet::store
