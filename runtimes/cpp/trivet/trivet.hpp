#pragma once
// What a C++ function of trivet uses, and the shim that serves it. C++17 or later.
//
//   #include <trivet.hpp>
//
//   struct Input { std::string name = "World"; };
//   TRIVET_RECORD(Input, name)
//
//   trivet::Json handler(const Input& input, trivet::Context& ctx) {
//     ctx.log.info("greeting");
//     return trivet::Json::object({{"message", "Hello, " + input.name + "!"}});
//   }
//
// Header-only: one source of a program defines TRIVET_IMPLEMENTATION before it includes this, unless the program is linked with the compiled shim.

#include <chrono>
#include <functional>

#include "convert.hpp"
#include "json.hpp"

namespace trivet {

using Variables = std::map<std::string, std::string>;
using Milliseconds = std::chrono::milliseconds;

struct Worker;
struct Flight;

// Why a call of another function failed.
struct CallError : std::runtime_error {
  CallError(std::string code, std::string message, std::string function);
  std::string code;     // as in the host's own answers: FUNCTION_NOT_FOUND, FUNCTION_TIMEOUT, ...
  std::string message;  // the host's sentence
  std::string function;
  int status = 0;    // of an answer that refused
  std::string body;  // of such an answer
  Json details;      // all that is known
};

// Ends a call with a code of its own: INVALID_INPUT, INVALID_OUTPUT, FUNCTION_NOT_FOUND.
struct Failure : std::runtime_error {
  Failure(const char* of, const std::string& message) : std::runtime_error(message), code(of) {}
  const char* code;
};

// A reply in pieces. `next` is called on the call's own thread when the piece before has been sent; nullopt ends the stream.
class Stream {
 public:
  explicit Stream(std::function<std::optional<std::string>()> next) : next_(std::move(next)) {}
  // One line of JSON for each value.
  static Stream values(std::function<std::optional<Json>()> next);
  std::optional<std::string> next() { return next_(); }

 private:
  std::function<std::optional<std::string>()> next_;
};

// What a handler returns that sometimes streams and sometimes does not.
using Reply = std::variant<Json, Stream>;

// Writes lines that carry a level and fields.
class Log {
 public:
  Log(Worker& worker, std::uint32_t call) : worker_(&worker), call_(call) {}
  void debug(std::string_view message, const Json& fields = {}) const { write("debug", message, fields); }
  void info(std::string_view message, const Json& fields = {}) const { write("info", message, fields); }
  void warn(std::string_view message, const Json& fields = {}) const { write("warn", message, fields); }
  void error(std::string_view message, const Json& fields = {}) const { write("error", message, fields); }
  void write(const char* level, std::string_view message, const Json& fields) const;

 private:
  Worker* worker_;
  std::uint32_t call_;
};

// What a handler is told besides its input. Copies can be kept by threads.
class Context {
 public:
  Context(Worker& worker, std::shared_ptr<Flight> flight);
  Log log;

  std::string call_id() const;
  const std::string& function() const;
  Json auth() const;                // who calls: an object, or null
  const Variables& env() const;     // the function's own
  std::int64_t deadline_ms() const;  // when the call must have ended, in Unix milliseconds
  Milliseconds remaining() const;

  // Nobody waits for the reply of a cancelled call; one that goes on for 250 ms after that is killed with its worker.
  bool cancelled() const;
  bool wait_cancelled() const;            // false when the call has ended otherwise
  bool sleep(Milliseconds time) const;  // ended early by cancellation, which makes it true

  // Calls another function and gives what it returned: JSON, the list of values of one that streamed lines of JSON, or text. Throws CallError.
  Json call(std::string_view function, const Json& input = {}) const { return call_within(Milliseconds::max(), function, input); }
  Json call_within(Milliseconds time, std::string_view function, const Json& input = {}) const;
  template <class T>
  T call_as(std::string_view function, const Json& input = {}) const {
    return read<T>(call(function, input));
  }
  // For functions that answer with anything: the content type and the bytes.
  std::pair<std::string, std::string> call_bytes(std::string_view function, const Json& input = {}) const;

  // The shim's own.
  Json fact(std::string_view name) const;
  std::string_view body() const;
  void reply(const Json& meta, std::string_view body) const;
  void stream(const Json& meta, Stream& pieces) const;
  void send(Reply reply) const;

 private:
  Worker* worker_;
  std::shared_ptr<Flight> flight_;
};

// The context interface, in the form of open-runtimes.
namespace http {

// Several headers of one name are several entries.
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method, url, scheme, host, path, queryString, bodyText;
  int port = 80;
  Variables headers, query;
  const std::string& bodyBinary() const { return bodyText; }
  Json bodyJson() const { return Json::parse(bodyText); }
  // The parsed body when the content type is JSON, {} when that is empty; else text.
  Json body() const;
};

struct Response {
  int status = 0;  // 0: made by no function of Responder
  std::string body;
  Headers headers;
  std::shared_ptr<Stream> pieces;
};

struct Responder {
  Response binary(std::string body, int status = 200, Headers headers = {}) const { return {status, std::move(body), std::move(headers), nullptr}; }
  Response text(std::string body, int status = 200, Headers headers = {}) const { return binary(std::move(body), status, std::move(headers)); }
  Response send(std::string body, int status = 200, Headers headers = {}) const { return binary(std::move(body), status, std::move(headers)); }
  Response json(const Json& value, int status = 200, Headers headers = {}) const;
  Response empty() const { return binary("", 204); }
  Response redirect(std::string url, int status = 301, Headers headers = {}) const;
  Response stream(Stream pieces, int status = 200, Headers headers = {}) const;
};

// Also a trivet::Context: context.call("other", input).
class Context : public trivet::Context {
 public:
  explicit Context(const trivet::Context& told);
  Request req;
  Responder res;
  template <class... T>
  void log(const T&... values) const {
    line("info", {word(write(values))...});
  }
  template <class... T>
  void error(const T&... values) const {
    line("error", {word(write(values))...});
  }
  void send(const Response& response) const;

 private:
  static std::string word(const Json& value) { return value.is_string() ? value.as_string() : value.dump(); }
  void line(const char* level, std::initializer_list<std::string> words) const;
};

}  // namespace http

// The functions of the module interface: void register_modules(trivet::Modules& modules) adds them.
//
//   modules.add("math", "add", [](int a, int b) { return a + b; });
class Modules {
 public:
  // Under the names that calls use; with the module "" whatever module a call names. The first parameter may be a Context&.
  template <class F>
  void add(const std::string& module, const std::string& name, F function) {
    functions_[{module, name}] = wrap(std::function(std::move(function)));
  }
  Json answer(Context& context) const;

 private:
  using Answer = std::function<Json(const Array&, Context&)>;
  template <class T>
  static T argument(const Array& args, std::size_t at) {
    try {
      return read<T>(args[at]);
    } catch (const JsonError& error) {
      throw Failure("INVALID_INPUT", "argument " + std::to_string(at + 1) + " " + error.what());
    }
  }
  static void count(const Array& args, std::size_t wanted) {
    if (args.size() != wanted)
      throw Failure("INVALID_INPUT", std::to_string(args.size()) + " arguments were given, the function takes " + std::to_string(wanted));
  }
  template <class F>
  static Json result(F call) {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return {};
    } else {
      return write(call());
    }
  }
  template <class F, class... A, std::size_t... At>
  static Json apply(const F& function, const Array& args, std::index_sequence<At...>, std::tuple<A...>*) {
    count(args, sizeof...(A));
    std::tuple<A...> read{argument<A>(args, At)...};
    return result([&] { return function(std::get<At>(read)...); });
  }
  template <class R, class... A>
  static Answer wrap(std::function<R(A...)> function) {
    using Read = std::tuple<std::decay_t<A>...>;
    return [function](const Array& args, Context&) { return apply(function, args, std::index_sequence_for<A...>(), static_cast<Read*>(nullptr)); };
  }
  template <class R, class... A>
  static Answer wrap(std::function<R(Context&, A...)> function) {
    using Read = std::tuple<std::decay_t<A>...>;
    return [function](const Array& args, Context& context) {
      auto told = [&](auto&... values) { return function(context, values...); };
      return apply(told, args, std::index_sequence_for<A...>(), static_cast<Read*>(nullptr));
    };
  }
  std::map<std::pair<std::string, std::string>, Answer> functions_;
};

using Answering = std::function<void(Context&)>;

// Answers calls until the host says that it is enough. `load` makes the handler ready, once the environment is set.
[[noreturn]] void serve(std::function<Answering()> load);

namespace handlers {

template <class T>
T input(const Context& context) {
  try {
    return read<T>(context.body().empty() ? Json() : Json::parse(context.body()));
  } catch (const JsonError& error) {
    throw Failure("INVALID_INPUT", std::string("the input is not what the handler takes: it ") + error.what());
  }
}

template <class F>
void answer(const Context& context, F handler) {
  using Out = decltype(handler());
  if constexpr (std::is_void_v<Out>) {
    handler();
    context.send(Json());
  } else if constexpr (std::is_same_v<Out, Reply>) {
    context.send(handler());
  } else if constexpr (std::is_same_v<Out, Stream>) {
    context.send(Reply(handler()));
  } else {
    context.send(write(handler()));
  }
}

// A handler takes nothing, an input, or an input and a Context&.
template <class R, class I>
void json(R (*handler)(I, Context&), Context& context) {
  auto given = input<std::decay_t<I>>(context);
  answer(context, [&] { return handler(static_cast<I>(given), context); });
}
template <class R, class I>
void json(R (*handler)(I), Context& context) {
  auto given = input<std::decay_t<I>>(context);
  answer(context, [&] { return handler(static_cast<I>(given)); });
}
template <class R>
void json(R (*handler)(), Context& context) {
  if (!context.body().empty()) input<Json>(context);
  answer(context, handler);
}

template <class C>
void http(http::Response (*handler)(C), Context& context) {
  http::Context told(context);
  told.send(handler(told));
}

}  // namespace handlers
}  // namespace trivet

// The main of a worker, for programs that CMake or make builds.
#define TRIVET_SERVE_JSON(handler) \
  int main() { \
    ::trivet::serve([] { return [](::trivet::Context& context) { ::trivet::handlers::json(&handler, context); }; }); \
  }
#define TRIVET_SERVE_CONTEXT(handler) \
  int main() { \
    ::trivet::serve([] { return [](::trivet::Context& context) { ::trivet::handlers::http(&handler, context); }; }); \
  }
#define TRIVET_SERVE_MODULES(handler) \
  int main() { \
    ::trivet::serve([] { \
      ::trivet::Modules modules; \
      handler(modules); \
      return [modules](::trivet::Context& context) { context.send(modules.answer(context)); }; \
    }); \
  }

#ifdef TRIVET_IMPLEMENTATION
#include "json.ipp"
#include "stack.ipp"
#include "worker.ipp"
#include "context.ipp"
#endif
