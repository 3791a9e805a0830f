#include "vault/tokens.h"

#include <sodium.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/digest.h"
#include "base/limits.h"
#include "vault/files.h"
#include "wire/json.h"
#include "wire/text.h"

namespace trivet::vault {
namespace {

namespace json = wire::json;

constexpr std::string_view kPrefix = "trv_";
constexpr size_t kIdDigits = 16, kSecretDigits = 64, kHashBytes = 32;
constexpr size_t kTokenFileMost = 16 * limits::kMiB;

Error wrong(std::string what) { return {ErrorCode::kInvalidInput, std::move(what)}; }

bool is_hex(std::string_view text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string from_hex(std::string_view text) {
  std::string out(text.size() / 2, '\0');
  sodium_hex2bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(),
                 nullptr, nullptr, nullptr);
  return out;
}

std::string random_bytes(size_t count) {
  std::string out(count, '\0');
  randombytes_buf(out.data(), out.size());
  return out;
}

std::string hash_of(std::string_view token, std::string_view key) {
  std::string out(kHashBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(),
                     reinterpret_cast<const unsigned char*>(token.data()), token.size(),
                     reinterpret_cast<const unsigned char*>(key.data()), key.size());
  return out;
}

bool is_live(const TokenRow& row, int64_t now_ms) {
  return row.expires_ms == 0 || row.expires_ms > now_ms;
}

// A name is printed and logged.
bool is_token_name(std::string_view name) {
  return name.size() <= kTokenNameMost && wire::is_utf8(name) &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<TokenRow> read_row(const json::value& value) {
  if (!value.is_object()) return wrong("a token is no object");
  const auto& from = value.get_object();
  TokenRow row;
  row.id = wire::get_string(from, "id");
  row.name = wire::get_string(from, "name");
  row.created_ms = wire::get_int(from, "created_ms", -1);
  row.expires_ms = wire::get_int(from, "expires_ms", -1);
  std::string_view hash = wire::get_string(from, "hash");
  auto scopes = Scopes::parse(wire::get_string(from, "scope"));
  if (!scopes) return std::move(scopes).error();
  if (from.size() != 6 || !is_hex(row.id, kIdDigits) || !is_hex(hash, 2 * kHashBytes) ||
      !is_token_name(row.name) || row.created_ms < 0 || row.expires_ms < 0)
    return wrong("a token is malformed");
  row.scopes = std::move(*scopes);
  row.hash = from_hex(hash);
  return row;
}

}  // namespace

Result<TokenFile> parse_tokens(std::string_view text) {
  auto parsed = wire::parse_json(text);
  if (!parsed) return wrong("it is not JSON: " + parsed.error().message);
  const json::object* object = parsed->if_object();
  if (!object) return wrong("it is no object");
  if (wire::get_int(*object, "version") != 1)
    return wrong("it was written by another version of trivet");
  TokenFile out;
  std::string_view key = wire::get_string(*object, "key");
  const json::array* rows = wire::get_array(*object, "tokens");
  if (!rows || !is_hex(key, 2 * kHashBytes) || object->size() != 3 || rows->size() > kTokensMost)
    return wrong("it is malformed");
  out.key = from_hex(key);
  for (const auto& value : *rows) {
    auto row = read_row(value);
    if (!row) return std::move(row).error();
    std::string id = row->id;
    if (!out.tokens.emplace(std::move(id), std::move(*row)).second)
      return wrong("two tokens have one id");
  }
  return out;
}

std::string format_tokens(const TokenFile& file) {
  json::array rows;
  for (const auto& [id, row] : file.tokens)
    rows.push_back(json::object{{"id", id},
                                {"name", row.name},
                                {"scope", row.scopes.text()},
                                {"created_ms", row.created_ms},
                                {"expires_ms", row.expires_ms},
                                {"hash", to_hex(row.hash)}});
  return wire::to_pretty_text(
      json::object{{"version", 1}, {"key", to_hex(file.key)}, {"tokens", std::move(rows)}});
}

std::string id_of_token(std::string_view token) {
  return std::string{token.substr(kPrefix.size(), kIdDigits)};
}

AccessTokens::AccessTokens(std::filesystem::path dir)
    : dir_(std::move(dir)), file_(dir_ / "tokens") {
  reload();
}

Result<TokenFile> AccessTokens::load() const {
  auto text = read_file(file_, kTokenFileMost);
  if (!text) return std::move(text).error();
  if (!*text) return TokenFile{random_bytes(kHashBytes), {}};
  auto file = parse_tokens(**text);
  if (file) return file;
  Error error = std::move(file).error();
  error.message = "the access tokens in " + file_.string() + " cannot be read: " + error.message;
  error.hint = "put back the file from a copy, or move it away and make new tokens";
  return error;
}

void AccessTokens::reload() {
  std::lock_guard lock(mutex_);
  std::string stamp = stamp_of(file_);
  if (current_ && !failure_ && stamp == stamp_) return;
  auto file = load();
  stamp_ = std::move(stamp);
  failure_.reset();
  if (!file) failure_ = file.error();
  current_ = std::make_shared<const TokenFile>(file ? std::move(*file)
                                                    : TokenFile{random_bytes(kHashBytes), {}});
}

std::shared_ptr<const TokenFile> AccessTokens::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

Status AccessTokens::store(TokenFile file) {
  if (Status written = replace_file(file_, format_tokens(file)); !written) return written;
  stamp_ = stamp_of(file_);
  failure_.reset();
  current_ = std::make_shared<const TokenFile>(std::move(file));
  return {};
}

Result<std::string> AccessTokens::add(const Scopes& scopes, const std::string& name,
                                      int64_t expires_ms, int64_t now_ms) {
  if (!is_token_name(name))
    return Error{ErrorCode::kInvalidInput, "a token's name is one line of at most " +
                                               std::to_string(kTokenNameMost) + " bytes"};
  std::lock_guard lock(mutex_);
  auto folder = FolderLock::take(dir_);
  if (!folder) return std::move(folder).error();
  auto file = load();
  if (!file) return std::move(file).error();
  std::erase_if(file->tokens, [now_ms](const auto& row) { return !is_live(row.second, now_ms); });
  if (file->tokens.size() >= kTokensMost)
    return Error{ErrorCode::kInvalidInput,
                 "there are " + std::to_string(kTokensMost) + " tokens, which is the most"};
  TokenRow row{to_hex(random_bytes(kIdDigits / 2)), name, scopes, now_ms, expires_ms, {}};
  std::string token = std::string{kPrefix} + row.id + "_" + to_hex(random_bytes(kSecretDigits / 2));
  row.hash = hash_of(token, file->key);
  file->tokens[row.id] = row;
  if (Status stored = store(std::move(*file)); !stored) return std::move(stored).error();
  return token;
}

Status AccessTokens::remove(std::string_view which) {
  std::lock_guard lock(mutex_);
  auto folder = FolderLock::take(dir_);
  if (!folder) return std::move(folder).error();
  auto file = load();
  if (!file) return std::move(file).error();
  std::vector<std::string> found;
  for (const auto& [id, row] : file->tokens)
    if (id == which || (row.name == which && !which.empty())) found.push_back(id);
  if (found.empty())
    return Error{ErrorCode::kNotFound, "there is no token " + std::string{which},
                 "`trivet token ls` lists them"};
  if (found.size() > 1)
    return Error{ErrorCode::kInvalidInput, "several tokens are called " + std::string{which},
                 "name one by its id"};
  file->tokens.erase(found.front());
  return store(std::move(*file));
}

Result<std::vector<TokenRow>> AccessTokens::list() const {
  std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  std::vector<TokenRow> rows;
  for (const auto& [id, row] : current_->tokens) rows.push_back(row);
  std::stable_sort(rows.begin(), rows.end(), [](const TokenRow& a, const TokenRow& b) {
    return a.created_ms < b.created_ms;
  });
  return rows;
}

std::optional<TokenRow> AccessTokens::verify(std::string_view token, int64_t now_ms) const {
  auto file = current();
  bool fits =
      token.size() == kPrefix.size() + kIdDigits + 1 + kSecretDigits && token.starts_with(kPrefix);
  static const TokenRow kNobody{{}, {}, {}, 0, 0, std::string(kHashBytes, '\0')};
  auto found = file->tokens.find(fits ? token.substr(kPrefix.size(), kIdDigits) : "");
  const TokenRow& row = found == file->tokens.end() ? kNobody : found->second;
  std::string hash = hash_of(fits ? token : std::string_view{}, file->key);
  bool right = sodium_memcmp(hash.data(), row.hash.data(), kHashBytes) == 0;
  if (right && is_live(row, now_ms)) return row;
  return std::nullopt;
}

bool AccessTokens::any(int64_t now_ms) const {
  auto file = current();
  return std::any_of(file->tokens.begin(), file->tokens.end(),
                     [now_ms](const auto& row) { return is_live(row.second, now_ms); });
}

}  // namespace trivet::vault
