#include "worker/oneshot.h"

#include "wire/json.h"

namespace trivet::worker {
namespace {

constexpr size_t kShown = 2 * limits::kKiB;  // of stdout, in an error

// Feeds a whole request to the process, as fast as it reads.
struct InputFeed final : loop::IoHandler {
  InputFeed(loop::Loop& event_loop, os::Fd pipe, std::string text)
      : loop(event_loop), fd(std::move(pipe)), bytes(std::move(text)) {
    on_io(0);
    if (fd) loop.add(fd.get(), EPOLLOUT, *this), watching = true;
  }
  ~InputFeed() { close(); }
  void close() {
    if (watching) loop.remove(fd.get(), *this);
    watching = false;
    fd.reset();
  }
  void on_io(uint32_t) override {
    while (sent < bytes.size()) {
      ssize_t n = write(fd.get(), bytes.data() + sent, bytes.size() - sent);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0) break;  // it does not want its input
      sent += static_cast<size_t>(n);
    }
    close();
  }

  loop::Loop& loop;
  os::Fd fd;
  std::string bytes;
  size_t sent = 0;
  bool watching = false;
};

Error invalid_output(std::string message, std::string_view out, std::string_view err) {
  Error error{ErrorCode::kInvalidOutput, std::move(message),
              "print exactly one JSON object {\"success\", \"output\"} on stdout, and everything "
              "else on stderr"};
  error.details.emplace_back("stdout", std::string{out.substr(0, kShown)});
  if (!err.empty()) error.details.emplace_back("stderr", std::string{err});
  return error;
}

// Reads a streamed body to its end: a process per call gets its request whole.
loop::Task<Status> gather(Call& call, size_t limit) {
  while (call.rest) {
    auto piece = co_await call.rest->next();
    if (!piece) co_return std::move(piece).error();
    if (piece->empty()) call.rest.reset();
    if (call.input.size() + piece->size() > limit)
      co_return Error{ErrorCode::kPayloadTooLarge, "the body is larger than limits.payload"};
    call.input += *piece;
  }
  co_return Status{};
}

}  // namespace

// The slot is busy for as long as this lives; a process that is still there then is killed.
struct Oneshot::Busy {
  explicit Busy(Oneshot& oneshot) : slot(oneshot) { slot.busy_ = true; }
  ~Busy() {
    slot.process_.reset();
    slot.busy_ = false;
    if (slot.stopping_)
      slot.around_.observer.on_end();
    else
      slot.around_.observer.on_free();
  }
  Oneshot& slot;
};

// What the process is still fed with.
struct Oneshot::Input {
  std::unique_ptr<InputFeed> request, load;  // its stdin; of a blank, its frames
  os::Fd frames;                             // what a blank says there is not read
};

Oneshot::Oneshot(Surroundings around, LaunchPlan plan, TakeBlank take)
    : around_(around),
      plan_(std::move(plan)),
      take_(std::move(take)),
      started_(around.loop.now()) {}

// Starts the process and hands it the request.
loop::Task<Result<Oneshot::Input>> Oneshot::begin(Call& call, loop::Event& ended) {
  auto on_end = [&ended](Process&) { ended.set(); };
  Input input;
  os::Fd request;
  auto blank = take_ ? take_() : std::nullopt;
  if (blank) {
    process_ = std::move(blank->process);
    process_->when_ended(on_end);
    process_->capture(Process::Capture::kWhole, plan_.payload_bytes);
    process_->owner().function = plan_.function;
    request = std::move(blank->input);
    input.frames = std::move(blank->from);
    if (!process_->alive()) ended.set();
    if (blank->is_blank) {
      Instant ready_by = std::min(call.deadline, after(around_.loop.now(), plan_.start_timeout));
      Status assigned = co_await process_->assign(plan_.policy, ready_by);
      if (!assigned) co_return std::move(assigned).error();
    }
    input.load = std::make_unique<InputFeed>(around_.loop, std::move(blank->to), load_frame(plan_));
  } else {
    Process::Plan plan;
    plan.function = plan_.function;
    plan.launch.spawn = {plan_.argv, program_environment(plan_), plan_.dir, {}};
    plan.launch.policy = plan_.policy;
    plan.stdout_capture = Process::Capture::kWhole;
    plan.stdout_limit = plan_.payload_bytes;
    plan.pipe_stdin = true;
    auto process = Process::start(around_.of_process(), std::move(plan), on_end);
    if (!process) co_return std::move(process).error();
    process_ = std::move(*process);
    request = process_->take_stdin();
  }
  process_->owner().call_id = call.id;
  process_->limit_logs(plan_.log_bytes_per_second);
  input.request =
      std::make_unique<InputFeed>(around_.loop, std::move(request), stdio_request(plan_, call));
  co_return input;
}

loop::Task<Result<Reply>> Oneshot::invoke(Call& call) {
  Busy busy{*this};
  Status whole = co_await gather(call, plan_.payload_bytes);
  if (!whole) co_return std::move(whole).error();
  if (!call.input.empty())
    if (auto parsed = wire::parse_json(call.input); !parsed)
      co_return Error{ErrorCode::kInvalidInput, "the body is not JSON: " + parsed.error().message};
  ++calls_;

  loop::Event ended{around_.loop};
  auto input = co_await begin(call, ended);
  if (!input) co_return std::move(input).error();

  bool in_time = co_await ended.wait(call.deadline);
  if (!in_time) {
    process_->pump();
    Error error{ErrorCode::kFunctionTimeout, plan_.function + " did not answer before its deadline",
                "raise limits.timeout, or make it faster"};
    if (!process_->stderr_tail().empty())
      error.details.emplace_back("stderr", std::string{process_->stderr_tail()});
    co_return error;
  }
  const Obituary& obituary = process_->obituary();
  if (process_->overflowed())
    co_return Error{ErrorCode::kPayloadTooLarge,
                    plan_.function + " printed more than limits.payload on stdout"};
  if (obituary.status.code != 0) {
    Error error = crash_error(obituary);
    if (error.code != ErrorCode::kIo)
      error.message = "function " + plan_.function + " ended with " + obituary.text();
    co_return error;
  }
  StdioResponse response = read_stdio_response(process_->whole_stdout(), obituary.stderr_tail);
  for (auto& log : response.logs) {
    LogLine line{
        around_.clock.unix_ms(), plan_.function,        call.id,        log.level, LogStream::kLog,
        std::move(log.message),  std::move(log.fields), process_->pid()};
    process_->log(std::move(line));
  }
  co_return std::move(response.reply);
}

void Oneshot::stop(EndReason reason) {
  if (stopping_) return;
  stopping_ = true;
  end_reason_ = reason;
  if (!busy_) around_.observer.on_end();
}

void Oneshot::kill(EndReason reason) {
  stop(reason);
  if (process_) process_->kill();
}

std::string stdio_request(const LaunchPlan& plan, const Call& call) {
  std::string env, context, out;
  wire::ObjectWriter env_writer{env};
  for (const auto& [key, value] : plan.function_env) env_writer.text(key, value);
  env_writer.close();
  wire::ObjectWriter context_writer{context};
  if (!call.auth.empty()) context_writer.raw("auth", call.auth);
  context_writer.raw("env", env)
      .text("alyx_url", call.public_url)
      .text("internal_token", call.internal_token);
  context_writer.close();
  wire::ObjectWriter writer{out};
  writer.text("request_id", call.id).text("function", plan.function);
  writer.raw("input", call.input.empty() ? "{}" : std::string_view{call.input})
      .raw("context", context);
  writer.close();
  out.push_back('\n');
  return out;
}

StdioResponse read_stdio_response(std::string_view out, std::string_view err) {
  auto parsed = wire::parse_json(out);
  if (!parsed)
    return {invalid_output(out.empty() ? "the function printed nothing on stdout"
                                       : "what the function printed on stdout is not JSON: " +
                                             parsed.error().message,
                           out, err),
            {}};
  if (!parsed->is_object())
    return {invalid_output("what the function printed is JSON, but not an object", out, err), {}};
  const auto& object = parsed->as_object();
  const auto* success = object.if_contains("success");
  if (!success || !success->is_bool())
    return {invalid_output("the function's response has no boolean \"success\"", out, err), {}};

  StdioResponse response{Reply{}, {}};
  if (const auto* logs = wire::get_array(object, "logs"))
    for (const auto& entry : *logs) {
      if (!entry.is_object()) continue;
      const auto* fields = entry.as_object().if_contains("data");
      response.logs.push_back(
          {log_level(wire::get_string(entry.as_object(), "level", "info")),
           std::string{wire::get_string(entry.as_object(), "message")},
           fields && fields->is_object() ? wire::to_text(*fields) : std::string{}});
    }
  if (success->as_bool()) {
    Reply reply;
    const auto* output = object.if_contains("output");
    reply.body = output ? wire::to_text(*output) : "null";
    response.reply = std::move(reply);
    return response;
  }
  Error error{ErrorCode::kFunctionError, "the function answered success: false"};
  if (const auto* reason = wire::get_object(object, "error")) {
    error.message = std::string{wire::get_string(*reason, "message", error.message)};
    if (auto code = wire::get_string(*reason, "code"); !code.empty())
      error.details.emplace_back("function_code", std::string{code});
    if (const auto* details = reason->if_contains("details"))
      error.details.emplace_back("function_details", wire::to_text(*details));
  } else if (auto text = wire::get_string(object, "error"); !text.empty()) {
    error.message = std::string{text};
  }
  if (!err.empty()) error.details.emplace_back("stderr", std::string{err});
  response.reply = std::move(error);
  return response;
}

}  // namespace trivet::worker
