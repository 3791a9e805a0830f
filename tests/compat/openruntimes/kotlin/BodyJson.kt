package io.openruntimes.kotlin

class BodyJson {
    fun main(context: RuntimeContext): RuntimeOutput {
        val body: MutableMap<String, Any> = context.req.bodyJson
        val tags = body["tags"] as List<*>
        return context.res.json(mutableMapOf("name" to body["name"] as String, "tags" to tags.size))
    }
}
