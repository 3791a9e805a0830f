/** What Kotlin adds to the types of Java. Those have properties as it is: `ctx.log.info("x")`, `ctx.env["NAME"]`, `ctx.deadline`. */
package trivet

import java.time.Duration
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlin.coroutines.suspendCoroutine

/** Calls another function; its answer as the type that is wanted: `val area: Area = ctx.sdk.ask("area", Size(2, 3))`. */
inline fun <reified T : Any> Sdk.ask(function: String, input: Any?): T = call(function, input, T::class.javaObjectType)

/** The same without keeping a thread: several may be under way at once. */
suspend fun Sdk.await(function: String, input: Any?, timeout: Duration? = null): Any? = suspendCoroutine { continuation ->
  callAsync(function, input, timeout).whenComplete { value, failure ->
    if (failure == null) continuation.resume(value) else continuation.resumeWithException(failure)
  }
}
