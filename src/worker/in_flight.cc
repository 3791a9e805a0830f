#include "worker/in_flight.h"

#include <algorithm>

namespace trivet::worker {

void InFlight::consumed(size_t bytes) {
  held_bytes -= std::min(held_bytes, bytes);
  if (!worker || bytes == 0) return;
  std::string meta = "{\"bytes\":" + std::to_string(bytes) + "}";
  worker->out_.clear();
  wire::append_frame(worker->out_, wire::FrameType::kCredit, id, meta, {});
  worker->writer_->send(worker->out_);
}

}  // namespace trivet::worker
