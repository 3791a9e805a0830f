package io.openruntimes.kotlin

class Env {
    fun main(context: RuntimeContext): RuntimeOutput {
        return context.res.text(System.getenv().getOrDefault("CUSTOM_ENV_VAR", ""))
    }
}
