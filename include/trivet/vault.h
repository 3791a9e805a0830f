#pragma once
// Secrets and access tokens in the data folder of a host, for when no host serves them. A host that
// lives hears of what is changed here.

#include <string>

#include "trivet/result.h"

namespace trivet {

// Answers what the administration API would: path "/v1/secrets..." or "/v1/tokens...", query
// included. JSON text, or nothing. The folder is made when it is not there. Reads and writes files;
// any thread, also while hosts use the folder. `key_file`: as HostConfig::secrets_key. kNotFound,
// kInvalidRequest, kInvalidInput, kIo.
Result<std::string> vault_request(const std::string& data_dir, const std::string& key_file,
                                  const std::string& method, const std::string& path,
                                  const std::string& body);

}  // namespace trivet
