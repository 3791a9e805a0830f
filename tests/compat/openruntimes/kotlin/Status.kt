package io.openruntimes.kotlin

class Status {
    fun main(context: RuntimeContext): RuntimeOutput {
        context.res.text("This should be ignored.")
        return context.res.text("I am a teapot", 418)
    }
}
