#pragma once
// The shared store in a folder that all can reach: an artifact is the file KEY.tar.zst, which
// appears by rename.

#include "store/remote.h"

namespace trivet::store {

class FolderStore final : public SharedStore {
 public:
  explicit FolderStore(std::filesystem::path dir) : dir_(std::move(dir)) {}

  Status fetch(const std::string& key, const std::filesystem::path& file) override;
  Status put(const std::filesystem::path& file, const std::string& key) override;
  Result<bool> has(const std::string& key) override;
  Result<StoredAmount> amount() override;
  Result<uint64_t> drop_unfinished(Duration age) override;

 private:
  std::filesystem::path place(const std::string& key) const;
  std::filesystem::path dir_;
};

}  // namespace trivet::store
