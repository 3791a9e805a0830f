package io.openruntimes.kotlin

class Url {
    fun main(context: RuntimeContext): RuntimeOutput {
        return context.res.json(
            mutableMapOf(
                "method" to context.req.method,
                "scheme" to context.req.scheme,
                "host" to context.req.host,
                "port" to context.req.port,
                "path" to context.req.path,
                "queryString" to context.req.queryString,
                "url" to context.req.url,
            ),
        )
    }
}
