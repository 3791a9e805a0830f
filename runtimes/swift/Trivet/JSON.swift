import Foundation

/// Any JSON value, for what has no type of its own.
public enum JSON: Codable, Sendable, Equatable {
  case null, bool(Bool), int(Int64), double(Double), string(String)
  case array([JSON]), object([String: JSON])

  public init(from decoder: Decoder) throws {
    if let all = try? decoder.container(keyedBy: Name.self) {
      var values: [String: JSON] = [:]
      for key in all.allKeys { values[key.stringValue] = try all.decode(JSON.self, forKey: key) }
      self = .object(values)
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var values: [JSON] = []
      while !list.isAtEnd { values.append(try list.decode(JSON.self)) }
      self = .array(values)
      return
    }
    let one = try decoder.singleValueContainer()
    if one.decodeNil() {
      self = .null
    } else if let value = try? one.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? one.decode(String.self) {
      self = .string(value)
    } else if let value = try? one.decode(Int64.self) {
      self = .int(value)
    } else {
      self = .double(try one.decode(Double.self))
    }
  }

  public func encode(to encoder: Encoder) throws {
    switch self {
    case .object(let values):
      var all = encoder.container(keyedBy: Name.self)
      for (key, value) in values { try all.encode(value, forKey: Name(key)) }
    case .array(let values):
      var list = encoder.unkeyedContainer()
      for value in values { try list.encode(value) }
    default:
      var one = encoder.singleValueContainer()
      switch self {
      case .bool(let value): try one.encode(value)
      case .int(let value): try one.encode(value)
      case .double(let value): try one.encode(value)
      case .string(let value): try one.encode(value)
      default: try one.encodeNil()
      }
    }
  }

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  public subscript(name: String) -> JSON? {
    if case .object(let values) = self { return values[name] }
    return nil
  }

  public var string: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  public var int: Int? {
    switch self {
    case .int(let value): return Int(value)
    case .double(let value): return Int(exactly: value)
    default: return nil
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(arrayLiteral values: JSON...) { self = .array(values) }
  public init(dictionaryLiteral pairs: (String, JSON)...) { self = .object(Dictionary(pairs) { _, last in last }) }
  public init(nilLiteral: ()) { self = .null }
}

/// A failure that has a code of its own in the protocol.
struct Fault: Error {
  let code, message: String
}

func encoded<T: Encodable>(_ value: T) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .withoutEscapingSlashes
  do {
    return try encoder.encode(value)
  } catch {
    throw Fault(code: "INVALID_OUTPUT", message: "the value cannot be written as JSON: \(error)")
  }
}

/// Of our own values, which JSON can hold.
func told(_ value: JSON) -> Data { (try? encoded(value)) ?? Data("{}".utf8) }

func input<T: Decodable>(_ body: Data, as type: T.Type) throws -> T {
  do {
    return try JSONDecoder().decode(type, from: body.isEmpty ? Data("null".utf8) : body)
  } catch {
    throw Fault(code: "INVALID_INPUT", message: "the input is not what the handler takes: \(error)")
  }
}
