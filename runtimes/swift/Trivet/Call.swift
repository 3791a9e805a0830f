import Foundation

/// One call: what the host told about it, and the ways it ends. Exactly one of reply, stream and fail ends each.
final class Call: @unchecked Sendable {
  private static let (textMost, fieldsMost, pieceMost) = (64 << 10, 256 << 10, 64 << 10)
  typealias Answered = CheckedContinuation<(String, Data), Error>

  unowned let worker: Worker
  let id: UInt32
  var body: Data
  var isGathering: Bool  // its body comes in CHUNKs
  private let meta: Data
  private let guarded = NSLock()  // guards what follows
  private var cancelled = false, ended = false
  private var task: Task<Void, Never>?
  private var window: Int  // body bytes that CHUNKs may still carry
  private var credited: CheckedContinuation<Void, Never>?
  private var asks: [Int: (function: String, answered: Answered)] = [:]
  private var asked = 0
  lazy var facts: JSON = (try? JSONDecoder().decode(JSON.self, from: meta)) ?? .null

  init(_ worker: Worker, _ frame: Frame) {
    (self.worker, id, meta, body, isGathering, window) = (worker, frame.call, frame.meta, frame.body, frame.more, worker.plan.credit)
  }

  var isCancelled: Bool { guarded.withLock { cancelled } }

  func run(_ answer: @escaping @Sendable (Call) async throws -> Void) {
    let begun = Task { [self] in
      do {
        try await answer(self)
      } catch {
        fail(error)
      }
    }
    let isLate = guarded.withLock { () -> Bool in
      task = begun
      return cancelled
    }
    if isLate { begun.cancel() }
  }

  func cancel() {
    let (running, waiting) = guarded.withLock { () -> (Task<Void, Never>?, CheckedContinuation<Void, Never>?) in
      cancelled = true
      defer { credited = nil }
      return (task, credited)
    }
    waiting?.resume()
    dropAsks("the call was cancelled")
    running?.cancel()
    if isGathering { fail(Fault(code: "CANCELLED", message: "")) }
  }

  func credit(_ bytes: Int) {
    guarded.withLock { () -> CheckedContinuation<Void, Never>? in
      window += bytes
      defer { credited = nil }
      return credited
    }?.resume()
  }

  func log(_ level: String, _ message: String, _ fields: JSON?) {
    var meta = told(["level": .string(level), "fields": fields ?? [:]])
    if fields == nil || meta.count > Call.fieldsMost { meta = told(["level": .string(level)]) }
    worker.pipes.write(.log, id, meta: meta, body: Data(Call.cut(message).utf8))
  }

  // MARK: how it ends

  /// The one REPLY of a call.
  func reply(_ head: Data, _ body: Data) throws {
    if 12 + head.count + body.count > worker.plan.maxFrame || head.count > Pipes.metaMost {
      throw Fault(code: "INVALID_OUTPUT", message: "the reply has \(head.count + body.count) bytes, more than limits.payload allows: return less, or stream it")
    }
    end(.reply, meta: head, body: body)
  }

  /// A reply in pieces, no faster than the host takes them.
  func stream<S: AsyncSequence>(_ head: Data, _ pieces: S, _ encode: (S.Element) throws -> Data) async throws {
    worker.pipes.write(.reply, id, meta: head, more: true)
    for try await value in pieces {
      let piece = try encode(value)
      var at = piece.startIndex
      while at < piece.endIndex {
        let size = min(Call.pieceMost, piece.endIndex - at, await credit())
        if isCancelled { throw Fault(code: "CANCELLED", message: "") }
        guarded.withLock { window -= size }
        worker.pipes.write(.chunk, id, body: piece[at..<(at + size)], more: true)
        at += size
      }
    }
    if isCancelled { throw Fault(code: "CANCELLED", message: "") }
    end(.chunk)
  }

  /// Bytes that may be sent, once there are some.
  private func credit() async -> Int {
    while true {
      let now = guarded.withLock { cancelled ? 1 : window }
      if now > 0 { return now }
      await withCheckedContinuation { waiting in
        let mayGo = guarded.withLock { () -> Bool in
          if window > 0 || cancelled { return true }
          credited = waiting
          return false
        }
        if mayGo { waiting.resume() }
      }
    }
  }

  func fail(_ error: Error) {
    var facts: [String: JSON] = ["code": "FUNCTION_ERROR"]
    if isCancelled {
      facts = ["code": "CANCELLED", "message": "the call was cancelled"]
    } else if let fault = error as? Fault {
      facts = ["code": .string(fault.code), "message": .string(Call.cut(fault.message))]
    } else {
      if let failed = error as? CallError, failed.code == "LOOP_DETECTED" { facts["code"] = .string(failed.code) }
      facts["message"] = .string(Call.cut((error as? LocalizedError)?.errorDescription ?? String(describing: error)))
      facts["type"] = .string(String(describing: type(of: error)))
    }
    end(.error, meta: told(.object(facts)))
  }

  private func end(_ kind: Kind, meta: Data = Data(), body: Data = Data()) {
    fflush(nil)  // what was printed comes before the answer
    worker.pipes.write(kind, id, meta: meta, body: body)
    guarded.withLock { ended = true }
    dropAsks("the call has ended")
    worker.forget(self)
  }

  private static func cut(_ text: String) -> String { text.utf8.count > textMost ? String(text.prefix(textMost / 4)) : text }

  // MARK: calls that it makes

  func ask(_ function: String, _ body: Data, _ timeout: Duration?) async throws -> (String, Data) {
    let number = guarded.withLock { () -> Int in
      asked += 1
      return asked
    }
    var wish: [String: JSON] = ["ask": .int(Int64(number)), "service": "call", "function": .string(function)]
    if let timeout { wish["timeout_ms"] = .int(max(0, timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000)) }
    let head = told(.object(wish))
    if 12 + head.count + body.count > worker.plan.maxFrame || head.count > Pipes.metaMost {
      throw Call.failed("PAYLOAD_TOO_LARGE", function, "the input has \(body.count) bytes, more than limits.payload of its caller allows")
    }
    return try await withCheckedThrowingContinuation { answered in
      let why = guarded.withLock { () -> String? in
        if ended { return "the call has ended" }
        if cancelled { return "the call was cancelled" }
        asks[number] = (function, answered)
        return nil
      }
      if let why { return answered.resume(throwing: Call.failed("CANCELLED", function, why)) }
      worker.pipes.write(.ask, id, meta: head, body: body)
    }
  }

  func answered(_ frame: Frame) {
    guard let meta = try? JSONDecoder().decode(JSON.self, from: frame.meta), let number = meta["ask"]?.int,
      let open = guarded.withLock({ asks.removeValue(forKey: number) })
    else { return }  // the call that it belongs to has ended
    if meta["ok"] == .bool(true) { return open.answered.resume(returning: (meta["type"]?.string ?? "application/json", frame.body)) }
    let error = meta["error"]
    func text(_ name: String) -> String { error?[name]?.string ?? "" }
    open.answered.resume(
      throwing: CallError(code: text("code"), function: text("function"), message: text("message"), status: error?["status"]?.int ?? 0, body: frame.body, details: error))
  }

  private func dropAsks(_ why: String) {
    let open = guarded.withLock { () -> [(function: String, answered: Answered)] in
      defer { asks = [:] }
      return Array(asks.values)
    }
    for each in open { each.answered.resume(throwing: Call.failed("CANCELLED", each.function, why)) }
  }

  private static func failed(_ code: String, _ function: String, _ why: String) -> CallError {
    CallError(code: code, function: function, message: why, status: 0, body: Data(), details: nil)
  }
}
