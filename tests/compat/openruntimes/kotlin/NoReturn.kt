package io.openruntimes.kotlin

class NoReturn {
    fun main(context: RuntimeContext) {
        context.res.text("This should be ignored, as it is not returned.")
    }
}
