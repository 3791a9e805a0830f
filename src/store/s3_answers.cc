#include "store/s3_answers.h"

#include <algorithm>
#include <array>

namespace trivet::store {
namespace {

constexpr size_t kShown = 300;  // bytes of a server's words in a message

constexpr std::array<std::pair<std::string_view, char>, 5> kEntities{
    {{"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}, {"&amp;", '&'}}};

struct Advice {
  std::string_view code, hint;
};
constexpr std::array<Advice, 10> kAdvice{{
    {"SignatureDoesNotMatch",
     "AWS_SECRET_ACCESS_KEY is not the one that belongs to AWS_ACCESS_KEY_ID"},
    {"InvalidAccessKeyId", "AWS_ACCESS_KEY_ID is not known there"},
    {"InvalidToken", "AWS_SESSION_TOKEN does not belong to these credentials"},
    {"ExpiredToken", "the session has ended: get new credentials"},
    {"AccessDenied", "these credentials need leave to get, put and list objects there"},
    {"NoSuchBucket", "make the bucket, or name another with --store"},
    {"RequestTimeTooSkewed", "set this machine's clock"},
    {"PermanentRedirect", "the bucket is in another region: set AWS_REGION"},
    {"AuthorizationHeaderMalformed", "the bucket is in another region: set AWS_REGION"},
    {"EntityTooLarge", "the artifact is larger than this store takes"},
}};

std::string hint_of(std::string_view code, const HttpAnswer& answer) {
  for (const auto& advice : kAdvice)
    if (advice.code == code) return std::string{advice.hint};
  if (answer.status / 100 == 3) return "the bucket is in another region: set AWS_REGION";
  if (answer.status == 403) return "these credentials may not do that there";
  return {};
}

}  // namespace

std::vector<std::string> xml_inside(std::string_view text, std::string_view tag) {
  std::vector<std::string> out;
  const std::string open = "<" + std::string{tag} + ">", close = "</" + std::string{tag} + ">";
  for (size_t at = text.find(open); at != std::string_view::npos; at = text.find(open, at)) {
    at += open.size();
    size_t end = text.find(close, at);
    if (end == std::string_view::npos) break;
    out.emplace_back(text.substr(at, end - at));
    at = end + close.size();
  }
  return out;
}

std::string xml_text(std::string_view text, std::string_view tag) {
  auto found = xml_inside(text, tag);
  if (found.empty()) return {};
  std::string out;
  std::string_view rest = found.front();
  while (!rest.empty()) {
    auto entity = std::find_if(kEntities.begin(), kEntities.end(),
                               [&](const auto& each) { return rest.starts_with(each.first); });
    bool is_plain = entity == kEntities.end();
    out += is_plain ? rest.front() : entity->second;
    rest.remove_prefix(is_plain ? 1 : entity->first.size());
  }
  return out;
}

bool is_worth_another_try(const HttpAnswer& answer) {
  if (answer.status == 429 || answer.status == 500 || answer.status / 100 == 5)
    return answer.status != 501 && answer.status != 505;
  std::string code = xml_text(answer.body, "Code");
  return answer.status / 100 != 2 &&
         (code == "SlowDown" || code == "RequestTimeout" || code == "InternalError");
}

Error error_of(const HttpAnswer& answer, const std::string& where) {
  std::string code = xml_text(answer.body, "Code");
  std::string words = xml_text(answer.body, "Message").substr(0, kShown);
  bool is_missing = answer.status == 404 && (code.empty() || code == "NoSuchKey");
  ErrorCode ours = is_missing                                     ? ErrorCode::kNotFound
                   : answer.status == 401 || answer.status == 403 ? ErrorCode::kUnauthorized
                   : is_worth_another_try(answer)                 ? ErrorCode::kUnavailable
                                                                  : ErrorCode::kInvalidRequest;
  std::string text = where + ": HTTP " + std::to_string(answer.status);
  if (!code.empty()) text += " " + code.substr(0, kShown);
  if (!words.empty()) text += ": " + words;
  return {ours, std::move(text), hint_of(code, answer)};
}

}  // namespace trivet::store
