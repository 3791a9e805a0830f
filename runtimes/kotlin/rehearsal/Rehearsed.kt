import kotlinx.coroutines.delay
import trivet.Context

data class Input(val action: String, val value: Map<String, Any?> = emptyMap(), val name: String = "nobody", val count: Int? = null)

private fun numbers(count: Int) = sequence { for (n in 0 until count) yield(mapOf("n" to n)) }

/** The function that a spare loads and calls before there is another: what functions use most. */
suspend fun handle(input: Input, ctx: Context): Any? {
  if (input.name == "slow") delay(1)
  ctx.log.debug("rehearsed ${input.name}", mapOf("n" to 1))
  val words = listOf("b", "a").sorted().map { it.uppercase() }.filter { it.isNotBlank() }.joinToString()
  return when (input.action) {
    "echo" -> mapOf("value" to input.value, "words" to words, "numbers" to numbers(3).toList(), "deadline" to ctx.deadline)
    else -> null
  }
}
