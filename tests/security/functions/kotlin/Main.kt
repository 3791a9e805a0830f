// A hostile function: does what `attack` says by the means of this language, and answers what came of it.

import java.io.File
import java.io.FileOutputStream
import java.net.InetSocketAddress
import java.net.Socket
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread

data class Input(val attack: String, val argument: String = "", val arguments: List<String> = emptyList())

private fun tcp(address: String) =
  Socket().use { it.connect(InetSocketAddress(address.substringBeforeLast(':'), address.substringAfterLast(':').toInt()), 1000) }

private fun spawn(arguments: List<String>) = ProcessBuilder(arguments).redirectErrorStream(true).start().inputStream.bufferedReader().readText()

private fun tasks(count: Int) {
  val end = CountDownLatch(1)
  val started = mutableListOf<Thread>()
  try {
    repeat(count) { started += thread { end.await() } }
  } finally {
    end.countDown()
    started.forEach { it.join() }
  }
}

private fun memory(mib: Int) {
  val kept = List(mib) { ByteArray(1 shl 20).apply { fill(1) } }
  check(kept.size == mib)
}

private fun print(lines: Int) {
  val line = "x".repeat(999)
  repeat(lines) { println(line) }
}

private fun spin(): Nothing {
  while (true) Thread.onSpinWait()
}

private fun attack(input: Input): Any? =
  when (input.attack) {
    "read" -> File(input.argument).inputStream().use { it.read() }
    "write" -> FileOutputStream(input.argument, true).close()
    "tcp" -> tcp(input.argument)
    "spawn" -> spawn(input.arguments)
    "environment" -> System.getenv().entries.joinToString("\n")
    "tasks" -> tasks(input.argument.toInt())
    "memory" -> memory(input.argument.toInt())
    "print" -> print(input.argument.toInt())
    "reply" -> "x".repeat(input.argument.toInt() shl 20)
    "spin" -> spin()
    else -> throw UnsupportedOperationException("cannot: the platform has no way to ${input.attack}")
  }

fun handle(input: Input): Map<String, String> =
  try {
    mapOf("outcome" to "allowed", "detail" to attack(input).toString())
  } catch (error: UnsupportedOperationException) {
    mapOf("outcome" to error.message!!)
  } catch (error: Exception) {
    mapOf("outcome" to error.toString())
  } catch (error: OutOfMemoryError) {
    mapOf("outcome" to error.toString())
  }
