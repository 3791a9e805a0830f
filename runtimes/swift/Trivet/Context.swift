import Foundation

/// What a json handler is told besides its input.
public struct Context: Sendable {
  let call: Call

  /// Identifies the call in logs.
  public var callID: String { call.facts["id"]?.string ?? "" }
  /// The function's name.
  public var function: String { call.worker.plan.function }
  /// Who calls: a JSON object, or nothing.
  public var auth: JSON? { call.facts["auth"] }
  /// The function's own environment.
  public var env: [String: String] { call.worker.plan.env }
  /// When the call must have ended, in Unix milliseconds.
  public var deadlineMs: Int { call.facts["deadline_ms"]?.int ?? 0 }
  /// The time that is left.
  public var remaining: Duration { .milliseconds(deadlineMs - Int(Date().timeIntervalSince1970 * 1000)) }
  /// The host wants the call to stop. Its task is cancelled too: what is awaited with `Task.sleep` and the like ends.
  public var isCancelled: Bool { call.isCancelled }
  /// Writes lines that know their call.
  public var log: Log { Log(call: call) }
  /// Calls other functions.
  public var sdk: SDK { SDK(call: call) }
}

/// Log lines with a level and fields.
public struct Log: Sendable {
  let call: Call

  public func debug(_ message: String, _ fields: JSON? = nil) { call.log("debug", message, fields) }
  public func info(_ message: String, _ fields: JSON? = nil) { call.log("info", message, fields) }
  public func warn(_ message: String, _ fields: JSON? = nil) { call.log("warn", message, fields) }
  public func error(_ message: String, _ fields: JSON? = nil) { call.log("error", message, fields) }
}

/// A call of another function that failed.
public struct CallError: Error, CustomStringConvertible {
  public let code, function, message: String  // message: the host's sentence alone
  public let status: Int  // of a function that answered with 400 or more; else 0
  public let body: Data  // what such a function answered
  public let details: JSON?  // all that is known

  public var description: String { code == "LOOP_DETECTED" ? message : "\(function): \(code): \(message)" }
}

/// Calls of other functions. They end with the call that they are made in.
public struct SDK: Sendable {
  let call: Call

  /// Calls a function with input, written as JSON, and gives what it returns: a JSON reply, a list of the values of one that streamed lines, text
  /// of a text reply when O is String or JSON, the bytes when O is Data.
  public func call<I: Encodable, O: Decodable>(_ function: String, _ input: I, timeout: Duration? = nil, as type: O.Type = O.self) async throws -> O {
    let (type, body) = try await call.ask(function, try encoded(input), timeout)
    if O.self == Data.self { return body as! O }
    if type.hasPrefix("text/") {
      let text = String(decoding: body, as: UTF8.self)
      if O.self == String.self { return text as! O }
      if O.self == JSON.self { return JSON.string(text) as! O }
    }
    if type.hasPrefix("application/x-ndjson") {
      let lines = body.split(separator: UInt8(ascii: "\n")).joined(separator: [UInt8(ascii: ",")])
      return try JSONDecoder().decode(O.self, from: Data("[".utf8) + Data(lines) + Data("]".utf8))
    }
    return try JSONDecoder().decode(O.self, from: body)
  }
}
