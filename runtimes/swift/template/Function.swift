import Trivet

struct Input: Decodable {
  var name: String?
}

// Called once per request. The JSON body becomes Input; what is returned becomes the reply.
func handler(input: Input?, ctx: Context) async throws -> [String: String] {
  let name = input?.name ?? "World"
  ctx.log.info("greeting", ["name": .string(name)])
  return ["message": "Hello, \(name)!"]
}
