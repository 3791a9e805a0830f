package io.openruntimes.kotlin

class Empty {
    fun main(context: RuntimeContext): RuntimeOutput {
        return context.res.empty()
    }
}
