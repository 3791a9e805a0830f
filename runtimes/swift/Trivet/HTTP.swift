import Foundation

/// What a context handler gets: func main(context: RuntimeContext) async throws -> RuntimeOutput.
public struct RuntimeContext: Sendable {
  public let req: RuntimeRequest
  public let res = RuntimeResponse()
  let call: Call

  init(_ call: Call) { (self.call, req) = (call, RuntimeRequest(call)) }

  /// Calls other functions.
  public var sdk: SDK { SDK(call: call) }
  /// The host wants the call to stop.
  public var isCancelled: Bool { call.isCancelled }
  /// One line of what is given, values other than text as JSON.
  public func log(_ values: Any...) { call.log("info", line(values), nil) }
  /// The same at level error.
  public func error(_ values: Any...) { call.log("error", line(values), nil) }

  private func line(_ values: [Any]) -> String {
    let most = 8000
    let text = values.map(word).joined(separator: " ")
    return text.count > most ? text.prefix(most) + "... Log truncated due to size limit (8000 characters)" : text
  }

  private func word(_ value: Any) -> String {
    if let text = value as? String { return text }
    if let value = value as? any Encodable, let text = try? encoded(value) { return String(decoding: text, as: UTF8.self) }
    if JSONSerialization.isValidJSONObject(value), let text = try? JSONSerialization.data(withJSONObject: value) { return String(decoding: text, as: UTF8.self) }
    return String(describing: value)
  }
}

/// The request. It is taken apart where user code looks at it.
public struct RuntimeRequest: Sendable {
  private let call: Call

  init(_ call: Call) { self.call = call }

  private func text(_ name: String) -> String? { call.facts[name]?.string }
  private var address: [Substring] { (text("host") ?? "localhost").split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) }
  private var usualPort: Int { scheme == "https" ? 443 : 80 }

  public var method: String { text("method") ?? "POST" }
  public var scheme: String { text("scheme") ?? "http" }
  public var host: String { String(address[0]) }
  public var port: Int { address.count > 1 ? Int(address[1]) ?? usualPort : usualPort }
  public var path: String { text("path") ?? "/" }
  public var queryString: String { text("query") ?? "" }
  public var url: String { "\(scheme)://\(host)\(port == usualPort ? "" : ":\(port)")\(path)\(queryString.isEmpty ? "" : "?" + queryString)" }

  /// The parts of queryString. Nothing is decoded.
  public var query: [String: String] {
    var all: [String: String] = [:]
    for part in queryString.split(separator: "&") {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if !pair[0].isEmpty { all[String(pair[0])] = pair.count > 1 ? String(pair[1]) : "" }
    }
    return all
  }

  /// Names in lower case.
  public var headers: [String: String] {
    var all: [String: String] = [:]
    guard case .array(let pairs)? = call.facts["headers"] else { return all }
    for case .array(let pair) in pairs {
      guard let name = pair[0].string, let value = pair[1].string, !name.hasPrefix("x-open-runtimes-") else { continue }
      all[name] = all[name].map { "\($0), \(value)" } ?? value
    }
    return all
  }

  public var bodyBinary: Data { call.body }
  public var bodyText: String { String(decoding: call.body, as: UTF8.self) }
  public var bodyRaw: String { bodyText }

  /// The body as a JSON object.
  public var bodyJson: [String: Any] {
    get throws { try JSONSerialization.jsonObject(with: call.body) as? [String: Any] ?? [:] }
  }

  /// The body as a type.
  public func body<T: Decodable>(as type: T.Type) throws -> T { try JSONDecoder().decode(type, from: call.body) }

  /// By its content type: what JSON says, or text.
  public var body: Any {
    get throws {
      guard headers["content-type"]?.lowercased().hasPrefix("application/json") == true else { return bodyText }
      return call.body.isEmpty ? [String: Any]() : try JSONSerialization.jsonObject(with: call.body, options: .fragmentsAllowed)
    }
  }
}

/// What a context handler returns; context.res makes it.
public struct RuntimeOutput: Sendable {
  let body: Data
  let status: Int
  let headers: [(String, String)]
  let pieces: AsyncThrowingStream<Data, Error>?

  /// One more header; a name may come more than once.
  public func header(_ name: String, _ value: String) -> RuntimeOutput {
    RuntimeOutput(body: body, status: status, headers: headers + [(name, value)], pieces: pieces)
  }

  // REPLY's meta.
  var head: Data {
    var type = "text/plain"
    var list: [JSON] = []
    for (key, value) in headers {
      let name = key.lowercased()
      if name == "content-type" {
        type = value
      } else if !name.hasPrefix("x-open-runtimes-") {
        list.append([.string(name), .string(value)])
      }
    }
    let lower = type.lowercased()  // a multipart type stays as it is: its boundary may have capitals
    list.append(["content-type", .string(lower.hasPrefix("multipart/") ? type : lower.contains("charset=") ? lower : lower + "; charset=utf-8")])
    return told(["status": .int(Int64(status)), "headers": .array(list)])
  }
}

/// The ways to answer.
public struct RuntimeResponse: Sendable {
  public func binary(_ bytes: Data, statusCode: Int = 200, headers: [String: String] = [:]) -> RuntimeOutput {
    RuntimeOutput(body: bytes, status: statusCode, headers: headers.map { ($0, $1) }, pieces: nil)
  }

  public func text(_ body: String, statusCode: Int = 200, headers: [String: String] = [:]) -> RuntimeOutput {
    binary(Data(body.utf8), statusCode: statusCode, headers: headers)
  }

  public func send(_ body: String, statusCode: Int = 200, headers: [String: String] = [:]) -> RuntimeOutput { text(body, statusCode: statusCode, headers: headers) }

  public func json(_ value: [String: Any?], statusCode: Int = 200, headers: [String: String] = [:]) throws -> RuntimeOutput {
    let value = value.mapValues { $0 ?? NSNull() }
    guard JSONSerialization.isValidJSONObject(value) else { throw Fault(code: "INVALID_OUTPUT", message: "the value cannot be written as JSON") }
    return try typed(JSONSerialization.data(withJSONObject: value, options: .withoutEscapingSlashes), statusCode, headers)
  }

  public func json<T: Encodable>(_ value: T, statusCode: Int = 200, headers: [String: String] = [:]) throws -> RuntimeOutput {
    try typed(encoded(value), statusCode, headers)
  }

  private func typed(_ body: Data, _ status: Int, _ headers: [String: String]) throws -> RuntimeOutput {
    binary(body, statusCode: status, headers: headers.filter { $0.key.lowercased() != "content-type" }.merging(["content-type": "application/json"]) { _, ours in ours })
  }

  public func empty() -> RuntimeOutput { binary(Data(), statusCode: 204) }

  public func redirect(_ url: String, statusCode: Int = 301, headers: [String: String] = [:]) -> RuntimeOutput {
    binary(Data(), statusCode: statusCode, headers: headers.merging(["location": url]) { _, ours in ours })
  }

  /// Piece by piece, as they come: of text, or of bytes.
  public func stream<S: AsyncSequence>(_ pieces: S, statusCode: Int = 200, headers: [String: String] = [:]) -> RuntimeOutput where S: Sendable, S.Element: DataProtocol {
    streamed(pieces, statusCode, headers) { Data($0) }
  }

  public func stream<S: AsyncSequence>(_ pieces: S, statusCode: Int = 200, headers: [String: String] = [:]) -> RuntimeOutput where S: Sendable, S.Element == String {
    streamed(pieces, statusCode, headers) { Data($0.utf8) }
  }

  private func streamed<S: AsyncSequence & Sendable>(_ pieces: S, _ status: Int, _ headers: [String: String], _ encode: @escaping @Sendable (S.Element) -> Data)
    -> RuntimeOutput
  {
    let bytes = AsyncThrowingStream<Data, Error> { next in
      let pump = Task {
        do {
          for try await piece in pieces { next.yield(encode(piece)) }
          next.finish()
        } catch {
          next.finish(throwing: error)
        }
      }
      next.onTermination = { _ in pump.cancel() }
    }
    return RuntimeOutput(body: Data(), status: status, headers: headers.map { ($0, $1) }, pieces: bytes)
  }
}

private func answer(_ call: Call, _ output: RuntimeOutput?) async throws {
  guard let output else {
    throw Fault(code: "INVALID_OUTPUT", message: "Return statement missing. return context.res.empty() if no response is expected.")
  }
  guard let pieces = output.pieces else { return try call.reply(output.head, output.body) }
  try await call.stream(output.head, pieces) { $0 }
}

public func serve(_ handler: @escaping @Sendable (RuntimeContext) async throws -> RuntimeOutput) -> Never {
  Worker { try await answer($0, try await handler(RuntimeContext($0))) }.serve()
}

public func serve(_ handler: @escaping @Sendable (RuntimeContext) async throws -> RuntimeOutput?) -> Never {
  Worker { try await answer($0, try await handler(RuntimeContext($0))) }.serve()
}
