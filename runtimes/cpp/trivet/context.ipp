// What a handler can ask of the host, the context interface and modules.

#include "trivet.hpp"

namespace trivet {

CallError::CallError(std::string of, std::string what, std::string called)
    : std::runtime_error(called + ": " + of + ": " + what), code(std::move(of)), message(std::move(what)), function(std::move(called)) {}

Stream Stream::values(std::function<std::optional<Json>()> next) {
  return Stream([next = std::move(next)]() -> std::optional<std::string> {
    auto value = next();
    if (!value) return std::nullopt;
    return value->dump() + "\n";
  });
}

void Log::write(const char* level, std::string_view message, const Json& fields) const {
  Json meta = Json::object({{"level", level}});
  if (fields.is_object()) meta["fields"] = fields;
  std::string text, quoted;
  try {
    text = meta.dump();
  } catch (const JsonError&) {
  }
  if (text.empty() || text.size() > kMetaMost) text = Json::object({{"level", level}}).dump();
  append_quoted(message.substr(0, kTextMost), quoted);  // what is not UTF-8 is replaced there
  worker_->write(kLog, call_, text, Json::parse(quoted).as_string());
}

Context::Context(Worker& worker, std::shared_ptr<Flight> flight) : log(worker, flight->id), worker_(&worker), flight_(std::move(flight)) {}

Json Context::fact(std::string_view name) const {
  Json meta = Json::parse(flight_->meta);
  return std::as_const(meta)[name];
}
std::string_view Context::body() const { return flight_->body; }
std::string Context::call_id() const { return fact("id").as_string(); }
const std::string& Context::function() const { return worker_->function; }
Json Context::auth() const { return fact("auth"); }
const Variables& Context::env() const { return worker_->env; }
std::int64_t Context::deadline_ms() const { return fact("deadline_ms").as_int(); }
Milliseconds Context::remaining() const {
  auto now = std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  return std::max(Milliseconds(0), Milliseconds(deadline_ms()) - now);
}
bool Context::cancelled() const {
  std::lock_guard lock(flight_->mutex);
  return flight_->cancelled;
}
bool Context::wait_cancelled() const {
  worker_->before_waiting();
  std::unique_lock lock(flight_->mutex);
  flight_->changed.wait(lock, [this] { return flight_->cancelled || flight_->ended; });
  return flight_->cancelled;
}
bool Context::sleep(Milliseconds time) const {
  worker_->before_waiting();
  std::unique_lock lock(flight_->mutex);
  flight_->changed.wait_for(lock, time, [this] { return flight_->cancelled || flight_->ended; });
  return flight_->cancelled;
}

static Answer ask(Worker& worker, Flight& flight, Milliseconds time, std::string_view called, const Json& input) {
  std::string body = input.dump(), function(called);
  std::uint64_t number = ++worker.asks;
  Json wish = Json::object({{"ask", number}, {"service", "call"}, {"function", called}});
  if (time != Milliseconds::max()) wish["timeout_ms"] = time.count();
  std::string meta = wish.dump();
  if (kHeader - 4 + meta.size() + body.size() > worker.max_frame || meta.size() > kMetaMost)
    throw CallError("PAYLOAD_TOO_LARGE", "the input has " + std::to_string(body.size()) + " bytes, more than limits.payload of its caller allows", function);
  auto over = [&flight] { return flight.cancelled || flight.ended; };
  {
    std::lock_guard lock(flight.mutex);
    if (over()) throw CallError("CANCELLED", "the call has ended", function);
    flight.asks[number];
  }
  worker.write(kAsk, flight.id, meta, body);
  worker.before_waiting();
  std::unique_lock lock(flight.mutex);
  auto settled = [&] { return flight.asks[number].has_value() || over(); };
  if (time == Milliseconds::max())
    flight.changed.wait(lock, settled);
  else
    flight.changed.wait_for(lock, time, settled);
  std::optional<Answer> answer = std::move(flight.asks[number]);
  flight.asks.erase(number);
  if (!answer && over()) throw CallError("CANCELLED", "the call was cancelled", function);
  if (!answer) throw CallError("FUNCTION_TIMEOUT", function + " did not answer before the deadline of its caller", function);
  const Json& told = answer->meta;
  if (told["ok"] == Json(true)) return std::move(*answer);
  const Json& error = told["error"];
  auto text = [&error](const char* name) { return error[name].is_string() ? error[name].as_string() : std::string(); };
  CallError failed(text("code"), text("message"), text("function"));
  if (error["status"].is_number()) failed.status = static_cast<int>(error["status"].as_int());
  failed.body = answer->body;
  failed.details = error;
  throw failed;
}

static std::string kind_of(const Answer& answer) {
  const Json& type = std::as_const(answer.meta)["type"];
  return type.is_string() ? type.as_string() : "application/json";
}

Json Context::call_within(Milliseconds time, std::string_view function, const Json& input) const {
  Answer answer = ask(*worker_, *flight_, time, function, input);
  std::string kind = kind_of(answer);
  try {
    if (kind.rfind("text/", 0) == 0) return answer.body;
    if (kind.rfind("application/json", 0) == 0) return Json::parse(answer.body);
    if (kind.rfind("application/x-ndjson", 0) != 0) throw JsonError("it is " + kind + ": use call_bytes");
    Array values;
    for (std::size_t at = 0, end = 0; at < answer.body.size(); at = end + 1) {
      end = std::min(answer.body.find('\n', at), answer.body.size());
      if (end > at) values.push_back(Json::parse(std::string_view(answer.body).substr(at, end - at)));
    }
    return values;
  } catch (const JsonError& error) {
    throw CallError("INVALID_OUTPUT", std::string("what it returned is not JSON: ") + error.what(), std::string(function));
  }
}
std::pair<std::string, std::string> Context::call_bytes(std::string_view function, const Json& input) const {
  Answer answer = ask(*worker_, *flight_, Milliseconds::max(), function, input);
  return {kind_of(answer), std::move(answer.body)};
}

void Context::reply(const Json& meta, std::string_view body) const {
  std::string head = meta.is_null() ? "" : meta.dump();
  std::size_t size = head.size() + body.size();
  if (kHeader - 4 + size > worker_->max_frame || head.size() > kMetaMost)
    throw Failure("INVALID_OUTPUT", "the reply has " + std::to_string(size) + " bytes, more than limits.payload allows: return less, or stream it");
  flush();
  worker_->write(kReply, flight_->id, head, body);
}

void Context::stream(const Json& meta, Stream& pieces) const {
  Flight& flight = *flight_;
  flush();
  worker_->write(kReply, flight.id, meta.dump(), "", true);
  auto next = [&pieces]() -> std::optional<std::string> {
    try {
      return pieces.next();
    } catch (const JsonError& error) {
      throw Failure("INVALID_OUTPUT", std::string("a value of the stream cannot be written as JSON: ") + error.what());
    }
  };
  while (auto piece = next()) {
    for (std::string_view left = *piece; !left.empty();) {
      std::string_view part = left.substr(0, kChunkMost);
      std::unique_lock lock(flight.mutex);
      if (flight.credit < part.size()) {
        lock.unlock();
        worker_->before_waiting();  // CREDIT has to be read
        lock.lock();
      }
      flight.changed.wait(lock, [&] { return flight.cancelled || flight.credit >= part.size(); });
      if (flight.cancelled) throw Failure("CANCELLED", "the stream was cancelled");
      flight.credit -= part.size();
      lock.unlock();
      worker_->write(kChunk, flight.id, "", part, true);
      left.remove_prefix(part.size());
    }
  }
  flush();
  worker_->write(kChunk, flight.id, "", "");
}

void Context::send(Reply value) const {
  if (auto* pieces = std::get_if<Stream>(&value))
    return stream(Json::object({{"headers", Json::array({Json::array({"content-type", "application/x-ndjson"})})}}), *pieces);
  std::string text;
  try {
    text = std::get<Json>(value).dump();
  } catch (const JsonError& error) {
    throw Failure("INVALID_OUTPUT", std::string("the handler's value cannot be written as JSON: ") + error.what());
  }
  reply(Json(), text);
}

Json Modules::answer(Context& context) const {
  std::string module = context.fact("module").as_string(), name = context.fact("function").as_string();
  auto found = functions_.find({module, name});
  if (found == functions_.end()) found = functions_.find({"", name});
  if (found == functions_.end()) throw Failure("FUNCTION_NOT_FOUND", "no function " + module + ":" + name + " was added");
  Json args = Json::array();
  try {
    if (!context.body().empty()) args = Json::parse(context.body());
    args = std::as_const(args).as_array();
  } catch (const JsonError& error) {
    throw Failure("INVALID_INPUT", std::string("the arguments are no list: ") + error.what());
  }
  return found->second(std::as_const(args).as_array(), context);
}

namespace http {

static std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}
static bool begins(std::string_view text, std::string_view with) { return text.substr(0, with.size()) == with; }
constexpr std::string_view kHidden = "x-open-runtimes-";
constexpr std::size_t kLineMost = 8000;

Context::Context(const trivet::Context& told) : trivet::Context(told) {
  Json meta = Json::object();
  for (const char* name : {"method", "path", "query", "scheme", "host", "headers"}) meta[name] = fact(name);
  auto text = [&meta](const char* name) { return std::as_const(meta)[name].is_string() ? meta[name].as_string() : std::string(); };
  if (meta["headers"].is_array())
    for (const Json& pair : std::as_const(meta["headers"]).as_array())
      if (!begins(pair[0].as_string(), kHidden)) req.headers[pair[0].as_string()] = pair[1].as_string();
  req.method = text("method"), req.path = text("path"), req.scheme = text("scheme"), req.queryString = text("query"), req.bodyText = std::string(body());
  std::string host = text("host"), port;
  if (auto colon = host.find(':'); colon != std::string::npos) port = host.substr(colon + 1), host.resize(colon);
  int usual = req.scheme == "https" ? 443 : 80;
  req.host = host;
  req.port = port.empty() ? usual : std::atoi(port.c_str());
  req.url = req.scheme + "://" + host + (req.port == usual ? "" : ":" + std::to_string(req.port)) + req.path + (req.queryString.empty() ? "" : "?" + req.queryString);
  for (std::size_t at = 0, end = 0; at < req.queryString.size(); at = end + 1) {
    end = std::min(req.queryString.find('&', at), req.queryString.size());
    std::string pair = req.queryString.substr(at, end - at);
    auto equals = std::min(pair.find('='), pair.size());
    if (equals > 0) req.query[pair.substr(0, equals)] = equals < pair.size() ? pair.substr(equals + 1) : "";
  }
}

Json Request::body() const {
  auto kind = headers.find("content-type");
  if (kind == headers.end() || !begins(lower(kind->second), "application/json")) return bodyText;
  return bodyText.empty() ? Json::object() : bodyJson();
}

Response Responder::json(const Json& value, int status, Headers headers) const {
  bool typed = std::any_of(headers.begin(), headers.end(), [](const auto& pair) { return lower(pair.first) == "content-type"; });
  if (!typed) headers.emplace_back("content-type", "application/json");
  return binary(value.dump(), status, std::move(headers));
}
Response Responder::redirect(std::string url, int status, Headers headers) const {
  headers.emplace_back("location", std::move(url));
  return binary("", status, std::move(headers));
}
Response Responder::stream(Stream pieces, int status, Headers headers) const {
  Response response = binary("", status, std::move(headers));
  response.pieces = std::make_shared<Stream>(std::move(pieces));
  return response;
}

void Context::send(const Response& response) const {
  if (response.status == 0) throw Failure("INVALID_OUTPUT", "Return statement missing. return context.res.empty() if no response is expected.");
  std::string kind = "text/plain";
  Array pairs;
  for (const auto& [given, value] : response.headers) {
    std::string name = lower(given);
    if (name == "content-type")
      kind = value;
    else if (!begins(name, kHidden))
      pairs.push_back(Json::array({name, value}));
  }
  if (!begins(lower(kind), "multipart/")) {
    kind = lower(kind);
    if (kind.find("charset=") == std::string::npos) kind += "; charset=utf-8";
  }
  pairs.push_back(Json::array({"content-type", kind}));
  Json meta = Json::object({{"status", response.status}, {"headers", pairs}});
  if (response.pieces)
    stream(meta, *response.pieces);
  else
    reply(meta, response.body);
}

void Context::line(const char* level, std::initializer_list<std::string> words) const {
  std::string text;
  for (const std::string& word : words) text += (&word == words.begin() ? "" : " ") + word;
  if (text.size() > kLineMost) text = text.substr(0, kLineMost) + "... Log truncated due to size limit (8000 characters)";
  trivet::Context::log.write(level, text, {});
}

}  // namespace http
}  // namespace trivet
