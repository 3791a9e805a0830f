#include "worker/blank.h"

#include <fcntl.h>

#include <cerrno>

namespace trivet::worker {

Result<Blank> start_blank(const Process::Surroundings& around, BlankPlan plan,
                          std::function<void(Process&)> ended) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
  os::Fd in_read{in[0]}, in_write{in[1]};
  if (pipe2(out, O_CLOEXEC) != 0) return io_error("cannot make a pipe", errno);
  os::Fd out_read{out[0]}, out_write{out[1]};
  for (int fd : {in_write.get(), out_read.get()})
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

  Process::Plan process;
  process.function = std::move(plan.function);
  process.pipe_stdin = plan.has_stdin;
  process.launch.zygote = plan.zygote;
  process.launch.is_zygote = plan.is_zygote;
  process.launch.policy = std::move(plan.policy);
  process.launch.is_blank = plan.is_blank;
  auto& spawn = process.launch.spawn;
  spawn.argv = std::move(plan.argv);
  spawn.env = std::move(plan.env);
  spawn.cwd = std::move(plan.dir);
  spawn.fds = {{3, in_read.get()}, {4, out_write.get()}};
  auto started = Process::start(around, std::move(process), std::move(ended));
  if (!started) return std::move(started).error();
  Blank blank;
  blank.process = std::move(*started);
  blank.to = std::move(in_write);
  blank.from = std::move(out_read);
  blank.input = blank.process->take_stdin();
  blank.is_loaded = plan.is_loaded;
  blank.is_blank = plan.is_blank;
  return blank;
}

}  // namespace trivet::worker
