package io.openruntimes.kotlin

class Large {
    fun main(context: RuntimeContext): RuntimeOutput {
        val body: ByteArray = context.req.bodyBinary
        return context.res.binary(body, 200, mapOf("x-size" to body.size.toString()))
    }
}
