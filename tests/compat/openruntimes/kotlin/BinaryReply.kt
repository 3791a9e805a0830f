package io.openruntimes.kotlin

class BinaryReply {
    fun main(context: RuntimeContext): RuntimeOutput {
        val png = intArrayOf(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0xff)
        val bytes = png.map { it.toByte() }.toByteArray()
        return context.res.binary(bytes, headers = mapOf("content-type" to "image/png"))
    }
}
