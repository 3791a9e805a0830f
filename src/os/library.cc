#include "os/library.h"

#include <dlfcn.h>

#include <utility>

namespace trivet::os {

Result<Library> Library::open(const std::string& file, const std::string& package) {
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle) return Library{handle};
  const char* why = dlerror();
  return Error{ErrorCode::kUnavailable,
               "cannot load " + file + (why ? std::string{": "} + why : ""),
               "apt-get install " + package};
}

Library::Library(Library&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Library::~Library() {
  if (handle_) dlclose(handle_);
}

void* Library::address_of(const char* name) const { return dlsym(handle_, name); }

}  // namespace trivet::os
