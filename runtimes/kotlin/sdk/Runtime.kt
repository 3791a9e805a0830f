/** The context interface as Kotlin has it: properties, and arguments with names and defaults. */
package io.openruntimes.kotlin

import trivet.Sdk

typealias RuntimeOutput = io.openruntimes.java.RuntimeOutput

/** The request of a call. It is taken apart only where user code looks at it. */
class RuntimeRequest(private val inner: io.openruntimes.java.RuntimeRequest) {
  val bodyBinary: ByteArray get() = inner.bodyBinary
  val bodyText: String get() = inner.bodyText
  val bodyRaw: String get() = inner.bodyText

  /** A body that is a JSON object. Of one that may be anything else, see [body]. */
  val bodyJson: MutableMap<String, Any> get() = inner.bodyJson

  /** The parsed body when the content type is JSON, else its text. */
  val body: Any get() = inner.body
  val headers: MutableMap<String, String> get() = inner.headers
  val method: String get() = inner.method
  val url: String get() = inner.url
  val scheme: String get() = inner.scheme
  val host: String get() = inner.host
  val port: Int get() = inner.port
  val path: String get() = inner.path
  val query: MutableMap<String, String> get() = inner.query
  val queryString: String get() = inner.queryString
}

/** The ways to answer. A handler returns what one of these made. */
class RuntimeResponse(private val inner: io.openruntimes.java.RuntimeResponse) {
  fun text(body: String, statusCode: Int = 200, headers: Map<String, Any> = emptyMap()): RuntimeOutput = inner.text(body, statusCode, headers)

  fun send(body: String, statusCode: Int = 200, headers: Map<String, Any> = emptyMap()): RuntimeOutput = inner.text(body, statusCode, headers)

  fun json(json: Any?, statusCode: Int = 200, headers: Map<String, Any> = emptyMap()): RuntimeOutput = inner.json(json, statusCode, headers)

  fun binary(bytes: ByteArray, statusCode: Int = 200, headers: Map<String, Any> = emptyMap()): RuntimeOutput = inner.binary(bytes, statusCode, headers)

  fun empty(): RuntimeOutput = inner.empty()

  fun redirect(url: String, statusCode: Int = 301, headers: Map<String, Any> = emptyMap()): RuntimeOutput = inner.redirect(url, statusCode, headers)

  /** Pieces are byte arrays, or text. They are taken as the client reads. */
  fun stream(pieces: Sequence<Any>, statusCode: Int = 200, headers: Map<String, Any> = emptyMap()): RuntimeOutput =
    inner.stream(pieces.iterator(), statusCode, headers)
}

/** The one argument of a handler of the context interface. */
class RuntimeContext(private val inner: io.openruntimes.java.RuntimeContext) {
  val req = RuntimeRequest(inner.req)
  val res = RuntimeResponse(inner.res)
  val sdk: Sdk get() = inner.sdk

  fun log(vararg values: Any?) = inner.log(*values)

  fun error(vararg values: Any?) = inner.error(*values)
}
