import io.openruntimes.kotlin.RuntimeContext
import io.openruntimes.kotlin.RuntimeOutput
import org.commonmark.ext.gfm.tables.TablesExtension
import org.commonmark.node.AbstractVisitor
import org.commonmark.node.Heading
import org.commonmark.node.Node
import org.commonmark.node.Text
import org.commonmark.parser.Parser
import org.commonmark.renderer.html.HtmlRenderer

private val extensions = listOf(TablesExtension.create())
private val parser = Parser.builder().extensions(extensions).build()
private val renderer = HtmlRenderer.builder().extensions(extensions).escapeHtml(true).build()

/** The body, Markdown, as a page whose title is its first heading. What is HTML in it is shown, not used. */
fun main(context: RuntimeContext): RuntimeOutput {
  val text = context.req.bodyText
  if (text.isBlank()) return context.res.json(mapOf("error" to "send Markdown as the body"), 400)
  val document = parser.parse(text)
  val title = firstHeading(document) ?: context.req.query["title"] ?: "Untitled"
  context.log("rendered", mapOf("characters" to text.length))
  val page = "<!doctype html><title>${escaped(title)}</title>\n${renderer.render(document)}"
  return context.res.text(page, headers = mapOf("content-type" to "text/html"))
}

private fun firstHeading(document: Node): String? {
  var found: String? = null
  document.accept(object : AbstractVisitor() {
    override fun visit(heading: Heading) {
      if (found == null) found = texts(heading)
    }
  })
  return found
}

private fun texts(of: Node): String = buildString {
  of.accept(object : AbstractVisitor() {
    override fun visit(text: Text) {
      append(text.literal)
    }
  })
}

private fun escaped(text: String) = text.replace("&", "&amp;").replace("<", "&lt;")
