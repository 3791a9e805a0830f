package io.openruntimes.kotlin

class Cookies {
    fun main(context: RuntimeContext): RuntimeOutput {
        val cookies = listOf("cookie=value; path=/", "cookie2=value2; path=/")
        return context.res.text("ok", 200, mapOf("set-cookie" to cookies.joinToString("\n"), "x-other" to "one"))
    }
}
