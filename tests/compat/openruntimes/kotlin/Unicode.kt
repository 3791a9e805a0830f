package io.openruntimes.kotlin

class Unicode {
    suspend fun main(context: RuntimeContext): RuntimeOutput {
        return context.res.json(mutableMapOf("greeting" to "Grüße, ${context.req.bodyText}! 👋"))
    }
}
