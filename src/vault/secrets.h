#pragma once
// Secrets: what functions are told and nobody else. Kept encrypted below DATA/vault
// (docs/formats/secrets.md); in memory as they are.
//
// Readers take a snapshot, which does not change. A file that is damaged, or a key that is wrong or
// missing, is never written over: all that is asked then fails with what is wrong, until it is
// mended.

#include <filesystem>
#include <memory>
#include <mutex>

#include "vault/sealed.h"

namespace trivet::vault {

// What is known at one moment; immutable.
struct Values {
  std::map<SecretName, std::string> values;
  std::optional<Error> failure;  // why there are none

  // That function's own, else that of all; nullptr when there is neither.
  const std::string* find(const std::string& function, const std::string& name) const;
};
using ValuesPtr = std::shared_ptr<const Values>;

class Secrets {
 public:
  struct Row {
    std::string name, function;  // no function: of all
    int64_t updated_ms = 0;
  };
  // Reads what there is in `dir`, which need not exist; failures are kept, and told to those who
  // ask. `key_file`: see key_place().
  Secrets(std::filesystem::path dir, const std::string& key_file);

  // Any thread, all of them.
  ValuesPtr current() const;
  // Names and times. kInvalidInput, kIo: why nothing is known.
  Result<std::vector<Row>> list() const;
  // Written to disk when it returns. kInvalidInput for a name or value that cannot be one, kIo.
  // `key_made` becomes the file of a key that had to be made.
  Status set(const SecretName& name, std::string_view value, int64_t now_ms,
             std::string* key_made = nullptr);
  // kNotFound when there is none.
  Status remove(const SecretName& name);
  // Looks at the files again when they have changed. True: what is current is new.
  bool reload();

 private:
  struct Loaded {
    SealedFile file;
    std::optional<Key> key;
    std::shared_ptr<Values> values;
    std::string stamp;
  };
  Result<Loaded> load() const;
  Result<Loaded> load_whole() const;
  Status store(Loaded loaded);
  Error explain(Error error) const;
  void publish(Result<Loaded> loaded);

  std::filesystem::path dir_, file_;
  KeyPlace place_;
  mutable std::mutex mutex_;
  ValuesPtr current_;               // guarded by mutex_
  std::vector<Row> rows_;           // likewise
  std::string stamp_;               // likewise: of the file that is current
  mutable std::optional<Key> key_;  // likewise: one that was read may be out of reach later
};

}  // namespace trivet::vault
