package io.openruntimes.kotlin

class Headers {
    fun main(context: RuntimeContext): RuntimeOutput {
        val given: MutableMap<String, String> = context.req.headers
        val hidden = given.getOrDefault("x-open-runtimes-in", "missing")
        return context.res.text(
            given["cookie"] + " " + hidden,
            200,
            mutableMapOf(
                "X-Given" to given.getOrDefault("x-given", "missing"),
                "x-open-runtimes-out" to "hidden",
                "content-type" to "text/plain; charset=ISO-8859-1",
            ),
        )
    }
}
