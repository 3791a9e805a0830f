#pragma once
// Doorkeeper: what comes to the doors of a shard's sandboxes goes to its forwarder.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "launcher/launcher.h"
#include "net/forwarder.h"

namespace trivet::host {

class Doorkeeper final : public launcher::Doorkeeper {
 public:
  explicit Doorkeeper(net::Forwarder& forwarder) : forwarder_(forwarder) {}

  std::unique_ptr<Keeping> keep(const std::string& function, pid_t worker,
                                std::vector<sandbox::Door> doors,
                                std::vector<os::Fd> sockets) override {
    auto kept = std::make_unique<Kept>();
    kept->passage = forwarder_.open(function, worker, std::move(doors), std::move(sockets));
    return kept;
  }

 private:
  struct Kept final : Keeping {
    std::unique_ptr<net::Forwarder::Passage> passage;
  };
  net::Forwarder& forwarder_;
};

}  // namespace trivet::host
