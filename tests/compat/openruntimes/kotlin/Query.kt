package io.openruntimes.kotlin

class Query {
    @Suppress("UNCHECKED_CAST")
    fun main(context: RuntimeContext): RuntimeOutput {
        val headers = mutableMapOf("x-query" to context.req.queryString)
        return context.res.json(context.req.query as MutableMap<String, Any>, 200, headers)
    }
}
