import trivet.Context

data class Input(val name: String = "World")

/** Called once per request. The JSON body becomes the input; what is returned becomes the reply. */
fun handle(input: Input?, ctx: Context): Map<String, String> {
  val name = input?.name ?: "World"
  ctx.log.info("greeting", mapOf("name" to name))
  return mapOf("message" to "Hello, $name!")
}
