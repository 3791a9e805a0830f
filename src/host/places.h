#pragma once
// What a host starts from: where runtimes and data are, the environment, the operator's level.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "net/address.h"
#include "sandbox/policy.h"
#include "trivet/host.h"

namespace trivet::host {

struct Places {
  std::vector<std::filesystem::path> runtime_dirs;
  std::filesystem::path data_dir;
};

// runtime_dirs: the config's, then TRIVET_RUNTIMES, then those beside the program or in its share
// folder. data_dir: the config's, else .trivet beside the functions, else below the system's
// temporary folder when that cannot be written. kIo when a given folder cannot be written.
Result<Places> find_places(const HostConfig& config);
// kUnauthorized when the address is for other machines, too, and anybody could call.
Status may_listen(const net::Address& address, const HostConfig& config);
// Of HostConfig::sandbox; kInvalidInput when there is no such level.
Result<sandbox::Level> sandbox_floor(const HostConfig& config);
std::map<std::string, std::string> environment();
std::string search_path();

}  // namespace trivet::host
