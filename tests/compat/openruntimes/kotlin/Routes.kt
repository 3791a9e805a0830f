package io.openruntimes.kotlin

class Routes {
    fun main(context: RuntimeContext): RuntimeOutput {
        val (req, res) = Pair(context.req, context.res)
        val id = Regex("/users/(\\d+)").matchEntire(req.path)?.groupValues?.get(1)
        return when {
            req.method == "GET" && req.path == "/users" -> res.json(mutableMapOf("users" to listOf("ada", "bob")))
            req.method == "POST" && req.path == "/users" -> res.text("created " + req.bodyRaw, 201)
            req.method == "PATCH" && id != null -> res.text("changed $id")
            req.method == "DELETE" && id != null -> res.empty()
            else -> res.text("${req.method} ${req.path} is not here", 404)
        }
    }
}
