import Foundation

enum Kind: UInt8 {
  case load = 1, call, chunk, cancel, ping, answer
  case drain = 8, credit
  case hello = 65, ready, reply, error, log, pong, ask
}

/// A frame of docs/formats/frame.md. Its bytes are its own.
struct Frame {
  let kind: Kind?  // nil: one that is not known
  let more: Bool
  let call: UInt32
  let meta: Data
  let body: Data
}

/// The two pipes: blocking reads by one thread at a time, writes by any.
final class Pipes: @unchecked Sendable {
  static let metaMost = 1 << 20
  private static let (fdIn, fdOut, headerSize, bufferSize): (Int32, Int32, Int, Int) = (3, 4, 16, 64 << 10)
  private let incoming = UnsafeMutableRawPointer.allocate(byteCount: bufferSize, alignment: 16)
  private let outgoing = UnsafeMutableRawPointer.allocate(byteCount: bufferSize, alignment: 16)
  private let writing = NSLock()
  private var begin = 0, end = 0

  /// Processes that user code starts cannot hold the pipes.
  static func closeOnExec() {
    for descriptor in [fdIn, fdOut] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
  }

  /// The next frame; nil at the end of the pipe.
  func read() -> Frame? {
    guard need(Pipes.headerSize) else { return nil }
    func number(_ at: Int) -> UInt32 { UInt32(bigEndian: incoming.loadUnaligned(fromByteOffset: begin + at, as: UInt32.self)) }
    let length = Int(number(0)) + 4 - Pipes.headerSize, metaLength = Int(number(12)), call = number(8)
    let kind = Kind(rawValue: incoming.load(fromByteOffset: begin + 4, as: UInt8.self))
    let more = incoming.load(fromByteOffset: begin + 5, as: UInt8.self) & 1 != 0
    begin += Pipes.headerSize
    guard let meta = take(metaLength), let body = take(length - metaLength) else { return nil }
    return Frame(kind: kind, more: more, call: call, meta: meta, body: body)
  }

  /// What is in the buffer, then the rest straight from the pipe.
  private func take(_ size: Int) -> Data? {
    if size == 0 { return Data() }
    if size <= Pipes.bufferSize {
      guard need(size) else { return nil }
      defer { begin += size }
      return Data(bytes: incoming + begin, count: size)
    }
    var have = end - begin
    let room = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    let all = Data(bytesNoCopy: room, count: size, deallocator: .custom { place, _ in place.deallocate() })
    memcpy(room, incoming + begin, have)
    begin = end
    while have < size {
      let got = Pipes.readSome(room + have, size - have)
      if got <= 0 { return nil }
      have += got
    }
    return all
  }

  /// Makes sure that so many unread bytes are in the buffer.
  private func need(_ size: Int) -> Bool {
    if begin == end { (begin, end) = (0, 0) }
    if begin + size > Pipes.bufferSize {
      memmove(incoming, incoming + begin, end - begin)
      (begin, end) = (0, end - begin)
    }
    while end - begin < size {
      let got = Pipes.readSome(incoming + end, Pipes.bufferSize - end)
      if got <= 0 { return false }
      end += got
    }
    return true
  }

  private static func readSome(_ room: UnsafeMutableRawPointer, _ size: Int) -> Int {
    while true {
      let got = Foundation.read(fdIn, room, size)
      if got >= 0 || errno != EINTR { return got }
    }
  }

  /// A frame that fits the buffer is one write; others are written in parts.
  func write(_ kind: Kind, _ call: UInt32, meta: Data = Data(), body: Data = Data(), more: Bool = false) {
    writing.lock()
    defer { writing.unlock() }
    let total = Pipes.headerSize + meta.count + body.count
    outgoing.storeBytes(of: UInt32(total - 4).bigEndian, as: UInt32.self)
    outgoing.storeBytes(of: kind.rawValue, toByteOffset: 4, as: UInt8.self)
    outgoing.storeBytes(of: more ? 1 : 0, toByteOffset: 5, as: UInt8.self)
    outgoing.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
    outgoing.storeBytes(of: call.bigEndian, toByteOffset: 8, as: UInt32.self)
    outgoing.storeBytes(of: UInt32(meta.count).bigEndian, toByteOffset: 12, as: UInt32.self)
    if total <= Pipes.bufferSize {
      meta.copyBytes(to: UnsafeMutableRawBufferPointer(start: outgoing + Pipes.headerSize, count: meta.count))
      body.copyBytes(to: UnsafeMutableRawBufferPointer(start: outgoing + Pipes.headerSize + meta.count, count: body.count))
      return Pipes.writeAll(UnsafeRawBufferPointer(start: outgoing, count: total))
    }
    Pipes.writeAll(UnsafeRawBufferPointer(start: outgoing, count: Pipes.headerSize))
    meta.withUnsafeBytes(Pipes.writeAll)
    body.withUnsafeBytes(Pipes.writeAll)
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer) {
    var at = 0
    while at < bytes.count {
      let put = Foundation.write(fdOut, bytes.baseAddress! + at, bytes.count - at)
      if put >= 0 { at += put } else if errno != EINTR { _exit(1) }  // the host is gone
    }
  }
}
