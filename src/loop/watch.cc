#include "loop/watch.h"

namespace trivet::loop {

Watch::Watch(Loop& loop, int fd, uint32_t events) : loop_(loop), fd_(fd) {
  loop_.add(fd, events | EPOLLET, *this);
}

Watch::~Watch() { loop_.remove(fd_, *this); }

void Watch::on_io(uint32_t events) {
  auto wake_all = [this](Link& list) {
    while (list.linked()) loop_.wake(static_cast<Waiter&>(*list.next));
  };
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    hung_up_ = true;
    if (hang_up_event_) hang_up_event_->set();
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
    readable_ = true;
    wake_all(readers_);
  }
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
    writable_ = true;
    wake_all(writers_);
  }
}

}  // namespace trivet::loop
