#pragma once
// What a host gives up once its launchers are started and its sockets are open: the launchers alone
// keep what starting workers needs.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace trivet::host {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// While we are root still: the user of that name, to whom the data folder is given when there is
// nothing in it; otherwise it must be the user's. Nothing for an empty name, and when we are that
// user already. kInvalidInput when there is no such user, kForbidden when we are not root, kIo with
// what to do.
Result<std::optional<User>> user_to_become(const std::string& name,
                                           const std::filesystem::path& data_dir);
// Every thread of this process becomes the user, without capabilities and without a way to get any
// (no_new_privs, empty bounding set); what root has made in the data folder meanwhile becomes the
// user's. Checked afterwards, thread by thread: kInternal when one was missed, and the process must
// not go on.
Status become(const User& user, const std::filesystem::path& data_dir);

}  // namespace trivet::host
