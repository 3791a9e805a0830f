import Foundation

/// What LOAD says.
struct Plan: Decodable {
  var function = "", dir = "/"
  var env: [String: String] = [:]
  var maxFrame = 33 << 20, credit = 256 << 10

  enum CodingKeys: String, CodingKey {
    case function, dir, env, credit
    case maxFrame = "max_frame"
  }
}

/// The worker: the function is linked into it, and it answers calls until the host says that it is enough. One thread reads frames; handlers run as
/// tasks, so frames are heard whatever they do.
final class Worker: @unchecked Sendable {
  let pipes = Pipes()
  private(set) var plan = Plan()
  private let guarded = NSLock()
  private var calls: [UInt32: Call] = [:]  // guarded
  private var isEnding = false  // guarded
  private let answer: @Sendable (Call) async throws -> Void

  init(_ answer: @escaping @Sendable (Call) async throws -> Void) { self.answer = answer }

  func serve() -> Never {
    Pipes.closeOnExec()
    setvbuf(stdout, nil, _IOLBF, 0)  // lines as they are printed, also those of background tasks
    pipes.write(.hello, 0, meta: Data(#"{"protocol":1,"runtime":"swift","version":"\#(version)","concurrency":0,"features":["cancel","stream"]}"#.utf8))
    while let frame = pipes.read() { take(frame) }
    finish()
    while true { sleep(1000) }  // the last call ends the process
  }

  private var version: String {
    #if swift(>=6.1)
      "6.1"
    #elseif swift(>=6.0)
      "6.0"
    #else
      "5"
    #endif
  }

  private func take(_ frame: Frame) {
    let call = frame.call == 0 ? nil : guarded.withLock { calls[frame.call] }
    switch frame.kind {
    case .load: load(frame.meta)
    case .call:
      let begun = Call(self, frame)
      guarded.withLock { calls[frame.call] = begun }
      if !frame.more { begun.run(answer) }
    case .chunk:
      guard let call, call.isGathering else { return }
      call.body.append(frame.body)
      if frame.more { return pipes.write(.credit, frame.call, meta: told(["bytes": .int(Int64(frame.body.count))])) }
      call.isGathering = false
      call.run(answer)
    case .cancel: call?.cancel()
    case .answer: call?.answered(frame)
    case .credit: call?.credit((try? JSONDecoder().decode(JSON.self, from: frame.meta))?["bytes"]?.int ?? 0)
    case .ping: pipes.write(.pong, 0, body: frame.body)
    case .drain: finish()
    default: break
    }
  }

  private func load(_ meta: Data) {
    do {
      plan = try JSONDecoder().decode(Plan.self, from: meta)
    } catch {
      pipes.write(.error, 0, meta: told(["code": "LOAD_FAILED", "message": .string("LOAD cannot be read: \(error)")]))
      exit(1)
    }
    for (name, value) in plan.env { setenv(name, value, 1) }
    pipes.write(.ready, 0)
  }

  func forget(_ call: Call) {
    let isLast = guarded.withLock { () -> Bool in
      calls[call.id] = nil
      return isEnding && calls.isEmpty
    }
    if isLast { exit(0) }
  }

  private func finish() {
    let isIdle = guarded.withLock { () -> Bool in
      isEnding = true
      return calls.isEmpty
    }
    if isIdle { exit(0) }
  }
}

// MARK: json handlers, whatever they take and give

private let streamHead = Data(#"{"headers":[["content-type","application/x-ndjson"]]}"#.utf8)

private func line(_ value: any Encodable) throws -> Data {
  if let bytes = value as? Data { return bytes }
  return try encoded(value) + Data("\n".utf8)
}

public func serve<I: Decodable, O: Encodable>(_ handler: @escaping @Sendable (I, Context) async throws -> O) -> Never {
  Worker { try $0.reply(Data(), try encoded(await handler(try input($0.body, as: I.self), Context(call: $0)))) }.serve()
}

public func serve<I: Decodable, O: Encodable>(_ handler: @escaping @Sendable (I) async throws -> O) -> Never {
  serve { (value: I, _: Context) in try await handler(value) }
}

public func serve<I: Decodable>(_ handler: @escaping @Sendable (I, Context) async throws -> Void) -> Never {
  serve { (value: I, ctx: Context) -> JSON in
    try await handler(value, ctx)
    return .null
  }
}

public func serve<I: Decodable, S: AsyncSequence>(_ handler: @escaping @Sendable (I, Context) async throws -> S) -> Never where S.Element: Encodable {
  Worker { try await $0.stream(streamHead, try await handler(try input($0.body, as: I.self), Context(call: $0))) { try line($0) } }.serve()
}

/// What a handler returns that streams some of its replies only.
public enum Reply: Sendable {
  case value(any Encodable & Sendable)
  case stream(AsyncThrowingStream<any Encodable & Sendable, Error>)
}

public func serve<I: Decodable>(_ handler: @escaping @Sendable (I, Context) async throws -> Reply) -> Never {
  Worker { call in
    switch try await handler(try input(call.body, as: I.self), Context(call: call)) {
    case .value(let value): try call.reply(Data(), try encoded(value))
    case .stream(let values): try await call.stream(streamHead, values) { try line($0) }
    }
  }.serve()
}
