// links: store
// What comes from a shared store and its surroundings, out of arbitrary bytes: labels of parcels,
// answers of S3, files of credentials, URLs. A label that is read is written as it is read again,
// and leads nowhere but into artifacts.
#include <cstdint>
#include <cstdlib>

#include "store/parcel.h"
#include "store/s3_answers.h"
#include "store/s3_config.h"

using namespace trivet::store;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view text{reinterpret_cast<const char*>(bytes), size};
  if (auto label = read_label(text)) {
    auto again = read_label(to_text(*label));
    if (!again || *again != *label) std::abort();
    for (const auto& link : label->links.entries)
      if (!link.target.starts_with("../../") || link.target.find("..", 6) == 6) std::abort();
  }
  HttpAnswer answer;
  answer.status = size % 600;
  answer.body = text;
  if (error_of(answer, "there").message.empty()) std::abort();
  for (const auto& inside : xml_inside(text, "Key"))
    if (inside.size() >= text.size()) std::abort();
  read_profiles(text);
  auto config = read_s3_config("s3://" + std::string{text}, [](const char*) { return "x"; });
  if (config && config->bucket.find('/') != std::string::npos) std::abort();
  return 0;
}
