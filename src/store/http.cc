#include "store/http.h"

// The checks are macros over names that are not linked here.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/library.h"

namespace trivet::store {
namespace {

constexpr size_t kBodyMost = 8 << 20;  // of an answer that is kept in memory

struct LibCurl {
  decltype(&curl_global_init) global_init;
  decltype(&curl_easy_init) easy_init;
  decltype(&curl_easy_cleanup) easy_cleanup;
  decltype(&curl_easy_reset) easy_reset;
  decltype(&curl_easy_setopt) easy_setopt;
  decltype(&curl_easy_getinfo) easy_getinfo;
  decltype(&curl_easy_perform) easy_perform;
  decltype(&curl_easy_strerror) easy_strerror;
  decltype(&curl_slist_append) slist_append;
  decltype(&curl_slist_free_all) slist_free_all;
};

bool find_all(const os::Library& from, LibCurl& to) {
  return from.find("curl_global_init", to.global_init) &&
         from.find("curl_easy_init", to.easy_init) &&
         from.find("curl_easy_cleanup", to.easy_cleanup) &&
         from.find("curl_easy_reset", to.easy_reset) &&
         from.find("curl_easy_setopt", to.easy_setopt) &&
         from.find("curl_easy_getinfo", to.easy_getinfo) &&
         from.find("curl_easy_perform", to.easy_perform) &&
         from.find("curl_easy_strerror", to.easy_strerror) &&
         from.find("curl_slist_append", to.slist_append) &&
         from.find("curl_slist_free_all", to.slist_free_all);
}

// One exchange, as curl's callbacks see it.
struct Exchange {
  const HttpRequest& request;
  HttpAnswer answer;
  uint64_t sent = 0, received = 0;
  int write_error = 0;

  size_t send(char* buffer, size_t room) {
    if (request.from < 0) {
      size_t n = std::min(room, request.body.size() - sent);
      std::memcpy(buffer, request.body.data() + sent, n);
      sent += n;
      return n;
    }
    size_t n = static_cast<size_t>(std::min<uint64_t>(room, request.size - sent));
    ssize_t got = pread(request.from, buffer, n, static_cast<off_t>(request.offset + sent));
    if (got < 0 || (got == 0 && n > 0)) return CURL_READFUNC_ABORT;
    sent += static_cast<size_t>(got);
    return static_cast<size_t>(got);
  }
  size_t receive(const char* bytes, size_t count) {
    if (request.to < 0 || answer.status / 100 != 2) {
      if (answer.body.size() + count > kBodyMost) return 0;
      answer.body.append(bytes, count);
      return count;
    }
    for (size_t at = 0; at < count;) {
      ssize_t n = pwrite(request.to, bytes + at, count - at, static_cast<off_t>(received + at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        write_error = errno;
        return 0;
      }
      at += static_cast<size_t>(n);
    }
    received += count;
    return count;
  }
  void take_header(std::string_view line) {
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // of each answer, also of a preliminary one
      answer.headers.clear();
      size_t blank = line.find(' ');
      answer.status =
          blank == std::string_view::npos ? 0 : std::atoi(std::string{line.substr(blank)}.c_str());
      return;
    }
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    std::string name{line.substr(0, colon)};
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    line.remove_prefix(std::min(line.find_first_not_of(' ', colon + 1), line.size()));
    answer.headers[name] = line;
  }
};

size_t on_read(char* buffer, size_t size, size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->send(buffer, size * count);
}
size_t on_write(char* bytes, size_t size, size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->receive(bytes, size * count);
}
size_t on_header(char* bytes, size_t size, size_t count, void* exchange) {
  static_cast<Exchange*>(exchange)->take_header({bytes, size * count});
  return size * count;
}

class CurlHttp final : public Http {
 public:
  CurlHttp(const LibCurl& curl, CURL* easy, std::string ca_file, const Patience& patience)
      : curl_(curl), easy_(easy), ca_file_(std::move(ca_file)), patience_(patience) {}
  ~CurlHttp() override { curl_.easy_cleanup(easy_); }

  Result<HttpAnswer> send(const HttpRequest& request) override {
    Exchange exchange{request, {}};
    curl_slist* headers = nullptr;
    for (const auto& [name, value] : request.headers)
      headers = curl_.slist_append(headers, (name + ": " + value).c_str());
    for (const char* unwanted : {"Expect:", "Accept:", "Content-Type:"})
      headers = curl_.slist_append(headers, unwanted);
    set_up(request, exchange, headers);
    CURLcode code = curl_.easy_perform(easy_);
    curl_.slist_free_all(headers);
    if (code == CURLE_OK) return std::move(exchange.answer);
    if (exchange.write_error != 0)
      return io_error("cannot write what " + request.url + " sent", exchange.write_error);
    bool is_final = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
                    code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    return Error{is_final ? ErrorCode::kInvalidRequest : ErrorCode::kUnavailable,
                 *words_ ? words_ : curl_.easy_strerror(code),
                 code == CURLE_PEER_FAILED_VERIFICATION
                     ? "AWS_CA_BUNDLE names a file of certificates to trust"
                     : ""};
  }

 private:
  void set_up(const HttpRequest& request, Exchange& exchange, curl_slist* headers) {
    auto set = curl_.easy_setopt;
    curl_.easy_reset(easy_);  // keeps the connection
    *words_ = '\0';
    set(easy_, CURLOPT_ERRORBUFFER, words_);
    set(easy_, CURLOPT_URL, request.url.c_str());
    set(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy_, CURLOPT_NOSIGNAL, 1L);
    set(easy_, CURLOPT_PATH_AS_IS, 1L);  // it is signed as it is
    set(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(patience_.connect.count()));
    set(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>((patience_.stall.count() + 999) / 1000));
    if (!ca_file_.empty()) set(easy_, CURLOPT_CAINFO, ca_file_.c_str());
    set(easy_, CURLOPT_HTTPHEADER, headers);
    set(easy_, CURLOPT_HEADERFUNCTION, &on_header);
    set(easy_, CURLOPT_HEADERDATA, &exchange);
    set(easy_, CURLOPT_WRITEFUNCTION, &on_write);
    set(easy_, CURLOPT_WRITEDATA, &exchange);
    uint64_t size = request.from >= 0 ? request.size : request.body.size();
    if (request.method == "PUT" || request.method == "POST") {
      set(easy_, CURLOPT_UPLOAD, 1L);
      set(easy_, CURLOPT_READFUNCTION, &on_read);
      set(easy_, CURLOPT_READDATA, &exchange);
      set(easy_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    } else if (request.method == "HEAD") {
      set(easy_, CURLOPT_NOBODY, 1L);
    }
    set(easy_, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }

  const LibCurl& curl_;
  CURL* easy_;
  std::string ca_file_;
  const Patience patience_;
  char words_[CURL_ERROR_SIZE] = "";
};

Result<const LibCurl*> load() {
  static const auto loaded = []() -> Result<LibCurl> {
    auto library = os::Library::open("libcurl.so.4", "libcurl4");
    if (!library) return std::move(library).error();
    LibCurl curl{};
    if (!find_all(*library, curl) || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      return Error{ErrorCode::kUnavailable, "libcurl.so.4 is not the one that trivet knows",
                   "apt-get install libcurl4"};
    library->keep();
    return curl;
  }();
  if (!loaded) return loaded.error();
  return &*loaded;
}

}  // namespace

Result<std::unique_ptr<Http>> Http::open(const std::string& ca_file, const Patience& patience) {
  auto curl = load();
  if (!curl) return std::move(curl).error();
  CURL* easy = (*curl)->easy_init();
  if (!easy) return Error{ErrorCode::kUnavailable, "libcurl cannot be used"};
  return std::unique_ptr<Http>{std::make_unique<CurlHttp>(**curl, easy, ca_file, patience)};
}

}  // namespace trivet::store
