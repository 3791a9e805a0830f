#pragma once
// Sources: functions that came as archives, unpacked. What is unpacked is an artifact under a hash
// of the archive's bytes (store.h): made once, whole or not at all, and made again when it was
// damaged.

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "store/store.h"

namespace trivet::store {

class Sources {
 public:
  explicit Sources(std::filesystem::path dir) : store_(std::move(dir)) {}
  // The folder with what is in `archive`; that of its only folder, when it has but one entry. Reads
  // and writes files: for blocking threads, any of them. The errors of unpack(), with the archive's
  // name; kIo when it cannot be kept.
  Result<std::filesystem::path> folder_of(const std::filesystem::path& archive);

 private:
  struct Known {
    std::string stamp, key;
  };
  Status provide(const std::filesystem::path& archive, const std::string& key);

  Store store_;
  std::mutex mutex_;                              // one is unpacked at a time
  std::map<std::filesystem::path, Known> known_;  // guarded by mutex_
};

}  // namespace trivet::store
