#pragma once
// Library: a shared library that is loaded when it is first needed, and not with the program.
//
// For large ones that few runs need: what the linker loads at each start is paid by every start.

#include <string>

#include "base/result.h"

namespace trivet::os {

class Library {
 public:
  // `file` as the loader knows it ("libz.so.1"). kUnavailable, with the Debian package that has it,
  // when it cannot be loaded.
  static Result<Library> open(const std::string& file, const std::string& package);
  Library(Library&& other) noexcept;
  Library& operator=(Library&&) = delete;
  ~Library();

  // Sets `function` to the one of that name; false when there is none.
  template <class F>
  bool find(const char* name, F*& function) const {
    function = reinterpret_cast<F*>(address_of(name));
    return function != nullptr;
  }
  // It stays until the end of the process. For libraries that leave threads or handlers behind.
  void keep() { handle_ = nullptr; }

 private:
  explicit Library(void* handle) : handle_(handle) {}
  void* address_of(const char* name) const;
  void* handle_;
};

}  // namespace trivet::os
