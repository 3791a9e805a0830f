#pragma once
// The shared store in S3: an artifact is the object PREFIX/KEY.tar.zst.
//
// Every request is signed with the sum of its body. What is larger than 16 MiB goes up in parts,
// and is there once all are; an upload that fails is given up, one whose program was killed leaves
// parts that drop_unfinished() removes. What may succeed later is tried again.

#include "store/remote.h"
#include "store/s3_config.h"

namespace trivet::store {

class S3Store final : public SharedStore {
 public:
  S3Store(S3Config config, std::unique_ptr<Http> http, const Patience& patience)
      : config_(std::move(config)), http_(std::move(http)), patience_(patience) {}

  Status fetch(const std::string& key, const std::filesystem::path& file) override;
  Status put(const std::filesystem::path& file, const std::string& key) override;
  Result<bool> has(const std::string& key) override;
  Result<StoredAmount> amount() override;
  Result<uint64_t> drop_unfinished(Duration age) override;

 private:
  struct Ask;
  Result<HttpAnswer> ask(const Ask& ask);
  Result<HttpAnswer> ask_once(const Ask& ask);
  Result<std::string> begin_parts(const std::string& object);
  Status put_whole(int fd, uint64_t size, const std::string& object);
  Status put_parts(int fd, uint64_t size, const std::string& object, const std::string& upload);
  Status end_parts(const std::string& object, const std::string& upload, std::string parts);
  void give_up(const std::string& object, const std::string& upload);
  std::string object_of(const std::string& key) const;
  std::string under_prefix(const std::string& name) const;
  std::string where(const std::string& object) const;

  S3Config config_;
  std::unique_ptr<Http> http_;
  Patience patience_;
};

}  // namespace trivet::store
