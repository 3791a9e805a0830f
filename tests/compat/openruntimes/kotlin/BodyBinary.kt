package io.openruntimes.kotlin

class BodyBinary {
    fun main(context: RuntimeContext): RuntimeOutput {
        val type = context.req.headers.getOrDefault("content-type", "")
        return context.res.binary(context.req.bodyBinary.reversedArray(), 200, mapOf("content-type" to type))
    }
}
