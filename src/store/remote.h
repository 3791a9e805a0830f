#pragma once
// The shared store: where hosts leave artifacts for each other, as parcels (parcel.h), each whole
// or not there.
//
//   file:///srv/artifacts        a folder that all can write
//   s3://bucket/prefix           S3, or what speaks like it (s3_config.h)
//
// Keys say what an artifact was made from, not what it is: who may write to a store decides what
// the hosts that read it run. All methods block, and take as long as the network does: for a
// process of their own.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/http.h"

namespace trivet::store {

// The environment, by name; nullptr when there is no such variable.
using Variables = std::function<const char*(const char*)>;

struct StoredAmount {
  uint64_t objects = 0, bytes = 0;
};

class SharedStore {
 public:
  // kInvalidRequest when the URL is none that is known; kUnavailable without credentials or
  // libcurl.
  static Result<std::unique_ptr<SharedStore>> open(const std::string& url,
                                                   const Variables& variables,
                                                   const Patience& patience);
  virtual ~SharedStore() = default;

  // Whether it has the artifact, unchecked, as the file. kNotFound when it has not; kUnavailable,
  // kUnauthorized, kIo with where, what it said and what to do.
  virtual Status fetch(const std::string& key, const std::filesystem::path& file) = 0;
  // It has it from now on: the whole file, or what it had before.
  virtual Status put(const std::filesystem::path& file, const std::string& key) = 0;
  virtual Result<bool> has(const std::string& key) = 0;
  virtual Result<StoredAmount> amount() = 0;
  // Uploads that were begun that long ago and never ended: how many there were.
  virtual Result<uint64_t> drop_unfinished(Duration age) = 0;
};

// Of the URL alone: kInvalidRequest with what it should be.
Status check_store_url(const std::string& url);

}  // namespace trivet::store
