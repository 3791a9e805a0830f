// A hostile function: does what `attack` says by the means of this language, and answers what came of it.
import Foundation
import Trivet

struct Input: Decodable {
  var attack: String
  var argument: String?
  var arguments: [String]?
}

struct Refused: Error, CustomStringConvertible {
  let description: String
}

func must(_ result: Int32) throws -> Int32 {
  if result < 0 { throw Refused(description: String(cString: strerror(errno))) }
  return result
}

func tcp(_ address: String) throws {
  let colon = address.lastIndex(of: ":")!
  var to = sockaddr_in()
  to.sin_family = sa_family_t(AF_INET)
  to.sin_port = UInt16(address[address.index(after: colon)...])!.bigEndian
  inet_pton(AF_INET, String(address[..<colon]), &to.sin_addr)
  let socket = try must(Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
  defer { close(socket) }
  _ = try withUnsafePointer(to: &to) {
    try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { try must(connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))) }
  }
}

func spawn(_ arguments: [String]) throws -> String {
  let process = Process()
  let out = Pipe()
  process.executableURL = URL(fileURLWithPath: arguments[0])
  process.arguments = Array(arguments.dropFirst())
  process.standardOutput = out
  process.standardError = out
  try process.run()
  let text = out.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return String(decoding: text, as: UTF8.self)
}

func tasks(_ count: Int) throws {
  var threads: [pthread_t] = []
  var failure: Int32 = 0
  for _ in 0..<count {
    var thread = pthread_t()
    failure = pthread_create(&thread, nil, { _ in pause(); return nil }, nil)
    if failure != 0 { break }
    threads.append(thread)
  }
  threads.forEach { pthread_cancel($0); pthread_join($0, nil) }
  if failure != 0 { throw Refused(description: String(cString: strerror(failure))) }
}

func attack(_ input: Input) throws -> String {
  let argument = input.argument ?? ""
  switch input.attack {
  case "read": close(try must(open(argument, O_RDONLY)))
  case "write": close(try must(open(argument, O_WRONLY | O_APPEND)))
  case "tcp": try tcp(argument)
  case "kill": _ = try must(kill(Int32(argument)!, 0))
  case "spawn": return try spawn(input.arguments!)
  case "environment": return ProcessInfo.processInfo.environment.map { "\($0)=\($1)" }.joined(separator: "\n")
  case "tasks": try tasks(Int(argument)!)
  case "memory":
    let kept = (0..<Int(argument)!).map { [UInt8](repeating: UInt8($0 % 250 + 1), count: 1 << 20) }
    precondition(kept.count == Int(argument)!)
  case "print":
    let line = String(repeating: "x", count: 999)
    for _ in 0..<Int(argument)! { print(line) }
  case "reply": return String(repeating: "x", count: Int(argument)! << 20)
  default: while true {}
  }
  return ""
}

func handler(input: Input, ctx: Context) async throws -> [String: String] {
  do {
    return ["outcome": "allowed", "detail": try attack(input)]
  } catch {
    return ["outcome": "\(error)"]
  }
}
