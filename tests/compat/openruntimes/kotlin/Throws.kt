package io.openruntimes.kotlin

class Throws {
    @kotlin.Throws(Exception::class)
    fun main(context: RuntimeContext): RuntimeOutput {
        throw Exception("kaboom")
    }
}
