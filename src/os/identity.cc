#include "os/identity.h"

#include <linux/capability.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace trivet::os {

Identity identity() {
  Identity found;
  std::array<char, 4096> buffer;
  passwd entry{}, *named = nullptr;
  getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &named);
  found.user = named ? named->pw_name : std::to_string(geteuid());
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2] = {};
  if (syscall(SYS_capget, &header, sets) == 0)
    found.has_capabilities = (sets[0].effective | sets[1].effective) != 0;
  std::unique_ptr<FILE, int (*)(FILE*)> map{std::fopen("/proc/self/uid_map", "re"), std::fclose};
  unsigned inside = 0, outside = 0, count = 0, users = 0;
  while (map && std::fscanf(map.get(), "%u %u %u", &inside, &outside, &count) == 3)
    users = std::max(users, count);
  found.can_become_others = found.has_capabilities && geteuid() == 0 && users > 1;
  return found;
}

}  // namespace trivet::os
