#include "vault/secrets.h"

#include <cstdlib>

#include "vault/files.h"
#include "wire/text.h"

namespace trivet::vault {
namespace {

Status check_name(const SecretName& name) {
  if (!is_secret_name(name.second))
    return Error{ErrorCode::kInvalidInput, "\"" + name.second + "\" is not a name for a secret",
                 "names are letters, digits and _, begin with no digit, and have at most " +
                     std::to_string(kNameMost)};
  if (!name.first.empty() && !wire::is_function_name(name.first))
    return Error{ErrorCode::kInvalidInput, "no function can be called \"" + name.first + "\""};
  return {};
}

// It travels as JSON and as an environment variable.
Status check_value(std::string_view value) {
  if (value.empty()) return Error{ErrorCode::kInvalidInput, "the secret's value is empty"};
  if (value.size() > kValueMost)
    return Error{ErrorCode::kInvalidInput, "the secret's value has " +
                                               std::to_string(value.size()) + " bytes, more than " +
                                               std::to_string(kValueMost)};
  if (value.find('\0') != std::string_view::npos || !wire::is_utf8(value))
    return Error{ErrorCode::kInvalidInput,
                 "the secret's value is not text: it has a NUL, or is "
                 "not UTF-8",
                 "encode it, with base64 for instance"};
  return {};
}

std::string words(const SecretName& name) {
  return name.second + (name.first.empty() ? "" : " of " + name.first);
}

}  // namespace

const std::string* Values::find(const std::string& function, const std::string& name) const {
  for (const std::string& owner : {function, std::string{}})
    if (auto found = values.find({owner, name}); found != values.end()) return &found->second;
  return nullptr;
}

Secrets::Secrets(std::filesystem::path dir, const std::string& key_file)
    : dir_(std::move(dir)),
      file_(dir_ / "secrets"),
      place_(key_place(dir_, key_file, std::getenv("CREDENTIALS_DIRECTORY"))) {
  std::lock_guard lock(mutex_);
  publish(load());
}

ValuesPtr Secrets::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

Result<std::vector<Secrets::Row>> Secrets::list() const {
  std::lock_guard lock(mutex_);
  if (current_->failure) return *current_->failure;
  return rows_;
}

Status Secrets::set(const SecretName& name, std::string_view value, int64_t now_ms,
                    std::string* key_made) {
  if (Status good = check_name(name); !good) return good;
  if (Status good = check_value(value); !good) return good;
  std::lock_guard lock(mutex_);
  auto folder = FolderLock::take(dir_);
  if (!folder) return std::move(folder).error();
  auto loaded = load_whole();
  if (!loaded) return std::move(loaded).error();
  if (!loaded->key) {
    auto key = make_key(place_);
    if (!key) return std::move(key).error();
    loaded->key = *key;
    if (key_made) *key_made = place_.file.string();
  }
  auto& secrets = loaded->file.secrets;
  if (secrets.size() >= kSecretsMost && !secrets.contains(name))
    return Error{ErrorCode::kInvalidInput,
                 "there are " + std::to_string(kSecretsMost) + " secrets, which is the most"};
  secrets[name] = seal(name, value, now_ms, *loaded->key);
  loaded->values->values[name] = value;
  return store(std::move(*loaded));
}

Status Secrets::remove(const SecretName& name) {
  std::lock_guard lock(mutex_);
  auto folder = FolderLock::take(dir_);
  if (!folder) return std::move(folder).error();
  auto loaded = load_whole();
  if (!loaded) return std::move(loaded).error();
  if (loaded->file.secrets.erase(name) == 0)
    return Error{ErrorCode::kNotFound, "there is no secret " + words(name),
                 "`trivet secret ls` lists them"};
  loaded->values->values.erase(name);
  return store(std::move(*loaded));
}

bool Secrets::reload() {
  std::lock_guard lock(mutex_);
  if (stamp_of(file_) == stamp_ && !current_->failure) return false;
  ValuesPtr before = current_;
  publish(load());
  return before->values != current_->values;
}

Error Secrets::explain(Error error) const {
  error.message = "the secrets in " + file_.string() + " cannot be read: " + error.message;
  if (error.hint.empty())
    error.hint = "put back the file, or its key (" + place_.file.string() +
                 "), from a copy; or move the file away and set the secrets again";
  return error;
}

// Without a file there are no secrets, and no key is asked for but one that was named.
Result<Secrets::Loaded> Secrets::load() const {
  Loaded out;
  out.values = std::make_shared<Values>();
  out.stamp = stamp_of(file_);
  auto bytes = read_file(file_, kFileMost);
  if (!bytes) return std::move(bytes).error();
  if (!key_ && (*bytes || !place_.is_ours)) {
    auto key = read_key(place_);
    if (!key) return std::move(key).error();
    if (!*key)
      return explain({ErrorCode::kIo, "their key, " + place_.file.string() + ", is missing"});
    key_ = **key;
  }
  out.key = key_;
  if (!*bytes) return out;
  auto file = parse_file(**bytes);
  if (!file) return explain(std::move(file).error());
  if (Status whole = check_file(**bytes, *file, *key_); !whole)
    return explain(std::move(whole).error());
  for (const auto& [name, sealed] : file->secrets) {
    auto value = unseal(name, sealed, *key_);
    if (!value) return explain(std::move(value).error());
    out.values->values.emplace(name, std::move(*value));
  }
  out.file = std::move(*file);
  return out;
}

// To write it again: a key of ours that lies there already is used.
Result<Secrets::Loaded> Secrets::load_whole() const {
  auto loaded = load();
  if (!loaded || loaded->key) return loaded;
  auto key = read_key(place_);
  if (!key) return std::move(key).error();
  if (*key) loaded->key = key_ = **key;
  return loaded;
}

Status Secrets::store(Loaded loaded) {
  sign_file(loaded.file, *loaded.key);
  if (Status written = replace_file(file_, format_file(loaded.file)); !written) return written;
  loaded.stamp = stamp_of(file_);
  key_ = loaded.key;
  publish(std::move(loaded));
  return {};
}

void Secrets::publish(Result<Loaded> loaded) {
  rows_.clear();
  if (!loaded) {
    // What was known before goes on being used: a slip of a hand must not stop what works.
    auto values = std::make_shared<Values>(current_ ? *current_ : Values{});
    values->failure = loaded.error();
    key_.reset();
    stamp_.clear();
    current_ = std::move(values);
    return;
  }
  for (const auto& [name, sealed] : loaded->file.secrets)
    rows_.push_back({name.second, name.first, sealed.updated_ms});
  stamp_ = loaded->stamp;
  current_ = std::move(loaded->values);
}

}  // namespace trivet::vault
