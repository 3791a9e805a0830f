#include "store/remote.h"

#include "store/folder.h"
#include "store/s3.h"

namespace trivet::store {
namespace {

constexpr std::string_view kFile = "file://";
constexpr std::string_view kS3 = "s3://";

}  // namespace

Status check_store_url(const std::string& url) {
  if (url.starts_with(kS3)) {
    auto read = read_s3_config(url, [](const char* name) -> const char* {
      std::string_view wanted{name};  // credentials are looked for when they are needed
      return wanted == "AWS_ACCESS_KEY_ID" || wanted == "AWS_SECRET_ACCESS_KEY" ? "-" : nullptr;
    });
    return read ? Status{} : Status{std::move(read).error()};
  }
  if (url.starts_with(kFile) && url.size() > kFile.size() + 1 && url[kFile.size()] == '/')
    return {};
  return Error{ErrorCode::kInvalidRequest, "\"" + url + "\" is no store",
               "file:///FOLDER or s3://BUCKET/PREFIX"};
}

Result<std::unique_ptr<SharedStore>> SharedStore::open(const std::string& url,
                                                       const Variables& variables,
                                                       const Patience& patience) {
  if (Status good = check_store_url(url); !good) return std::move(good).error();
  if (url.starts_with(kFile))
    return std::unique_ptr<SharedStore>{std::make_unique<FolderStore>(url.substr(kFile.size()))};
  auto config = read_s3_config(url, variables);
  if (!config) return std::move(config).error();
  auto http = Http::open(config->ca_file, patience);
  if (!http) return std::move(http).error();
  return std::unique_ptr<SharedStore>{
      std::make_unique<S3Store>(std::move(*config), std::move(*http), patience)};
}

}  // namespace trivet::store
