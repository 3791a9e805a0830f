#include "store/sigv4.h"

#include <algorithm>
#include <ctime>

#include "base/digest.h"

namespace trivet::store {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Without blanks around it, and with one for each row of them.
std::string trimmed(std::string_view value) {
  std::string out;
  for (char c : value) {
    if (c != ' ' && c != '\t')
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string sum_of(std::string_view text) { return to_hex(bytes_of(sha256(text))); }

}  // namespace

std::string uri_escape(std::string_view text, bool keeps_slashes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (is_plain(c) || (c == '/' && keeps_slashes))
      out += c;
    else
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::string canonical_query(const Pairs& query) {
  Pairs encoded;
  for (const auto& [name, value] : query)
    encoded.emplace_back(uri_escape(name, false), uri_escape(value, false));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string amz_date(int64_t unix_seconds) {
  time_t time = unix_seconds;
  tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::string authorization(const ToSign& request, const Signer& signer, const std::string& date) {
  Pairs headers = request.headers;
  std::sort(headers.begin(), headers.end());
  std::string lines, names;
  for (const auto& [name, value] : headers) {
    lines += name + ":" + trimmed(value) + "\n";
    names += (names.empty() ? "" : ";") + name;
  }
  std::string canonical = request.method + "\n" + request.path + "\n" +
                          canonical_query(request.query) + "\n" + lines + "\n" + names + "\n" +
                          request.payload_sum;
  std::string day = date.substr(0, 8);
  std::string scope = day + "/" + signer.region + "/" + signer.service + "/aws4_request";
  std::string text =
      std::string{kAlgorithm} + "\n" + date + "\n" + scope + "\n" + sum_of(canonical);
  Digest key = hmac_sha256("AWS4" + signer.credentials.secret, day);
  for (std::string_view part : {std::string_view{signer.region}, std::string_view{signer.service},
                                std::string_view{"aws4_request"}})
    key = hmac_sha256(bytes_of(key), part);
  return std::string{kAlgorithm} + " Credential=" + signer.credentials.key_id + "/" + scope +
         ",SignedHeaders=" + names +
         ",Signature=" + to_hex(bytes_of(hmac_sha256(bytes_of(key), text)));
}

}  // namespace trivet::store
