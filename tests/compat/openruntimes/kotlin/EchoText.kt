package io.openruntimes.kotlin

class EchoText {
    fun main(context: RuntimeContext): RuntimeOutput = context.res.text(context.req.bodyText)
}
