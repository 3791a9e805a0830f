package io.openruntimes.kotlin

import java.net.URLDecoder

class Form {
    fun main(context: RuntimeContext): RuntimeOutput {
        val form = mutableMapOf<String, Any>()
        for (pair in (context.req.body as String).split("&")) {
            form[pair.substringBefore("=")] = URLDecoder.decode(pair.substringAfter("="), "UTF-8")
        }
        return context.res.json(form)
    }
}
