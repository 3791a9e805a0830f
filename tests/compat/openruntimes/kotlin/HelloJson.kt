package io.openruntimes.kotlin

public class HelloJson {
    @Throws(Exception::class)
    fun main(context: RuntimeContext): RuntimeOutput {
        return context.res.json(
            mutableMapOf(
                "message" to "Hello Open Runtimes",
                "ok" to true,
            ),
        )
    }
}
