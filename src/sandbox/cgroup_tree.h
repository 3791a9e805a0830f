#pragma once
// What control groups need of files and processes: the kernel's in Kernel, a simulation of its
// rules in tests.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace trivet::sandbox {

class Tree {
 public:
  virtual ~Tree() = default;

  // These return 0 or an errno. Paths are absolute.
  virtual int make(const std::string& folder) = 0;
  virtual int remove(
      const std::string& folder) = 0;  // EBUSY while it has processes or groups below it
  virtual int write(const std::string& file,
                    const std::string& text) = 0;  // in one piece; the file is there
  virtual int kill(pid_t process) = 0;             // SIGKILL

  virtual std::optional<std::string> read(const std::string& file) = 0;
  virtual std::vector<std::string> folders(const std::string& folder) = 0;  // names, in no order
  virtual bool exists(const std::string& path) = 0;
  virtual void nap() = 0;  // about a millisecond
};

// The machine as it is.
class Kernel final : public Tree {
 public:
  int make(const std::string& folder) override;
  int remove(const std::string& folder) override;
  int write(const std::string& file, const std::string& text) override;
  int kill(pid_t process) override;
  std::optional<std::string> read(const std::string& file) override;
  std::vector<std::string> folders(const std::string& folder) override;
  bool exists(const std::string& path) override;
  void nap() override;
};

}  // namespace trivet::sandbox
