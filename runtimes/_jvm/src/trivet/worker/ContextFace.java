package trivet.worker;

import io.openruntimes.java.RuntimeContext;
import io.openruntimes.java.RuntimeOutput;
import io.openruntimes.java.RuntimeRequest;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The context interface: one argument with the request, the ways to answer it, and a log (runtimes/CONTRACT.md). */
final class ContextFace implements Face {
  private static final String HIDDEN = "x-open-runtimes-";
  private static final String NO_RETURN = "Return statement missing. return context.res.empty() if no response is expected.";
  private final Code.Handler handler;
  private final Constructor<?> wrapper; // of a language that has a context of its own

  ContextFace(Code code) {
    try {
      handler = code.handler("main", "handle", "handler");
      Class<?> wanted = handler.takes.length > 0 ? handler.takes[0] : Object.class;
      wrapper = wanted.isAssignableFrom(RuntimeContext.class) ? null : wanted.getConstructor(RuntimeContext.class);
    } catch (NoSuchMethodException other) {
      throw new Fault("LOAD_FAILED", "the handler of the context interface must take a RuntimeContext");
    } catch (ReflectiveOperationException hidden) {
      throw Failures.raise(hidden);
    }
    if (handler.takes.length != (handler.suspends ? 2 : 1)) throw new Fault("LOAD_FAILED", handler.method + " must take a RuntimeContext and nothing else");
  }

  @Override
  public void answer(Call call) throws Throwable {
    RuntimeRequest request = new RuntimeRequest(call.facts(), call.body);
    RuntimeContext context = new RuntimeContext(request, Asking.sdk(call), (level, line) -> call.log(level, line, null));
    Object[] args = new Object[handler.takes.length];
    args[0] = wrapper == null ? context : wrapper.newInstance(context);
    Object output = JsonFace.come(handler.call(args));
    if (!(output instanceof RuntimeOutput answer)) throw Fault.output(NO_RETURN);
    byte[] meta = meta(answer);
    if (answer.getStream() != null) call.stream(meta, answer.getStream(), ContextFace::piece);
    else call.conclude(meta, answer.getBody() == null ? new byte[0] : answer.getBody());
  }

  private static byte[] piece(Object value) {
    return value instanceof byte[] bytes ? bytes : String.valueOf(value).getBytes(StandardCharsets.UTF_8);
  }

  private static byte[] meta(RuntimeOutput answer) {
    String type = "text/plain";
    List<List<String>> headers = new ArrayList<>();
    for (Map.Entry<String, ?> entry : answer.getHeaders().entrySet()) {
      String name = entry.getKey().toLowerCase(Locale.ROOT);
      Object value = entry.getValue();
      if (name.equals("content-type")) type = String.valueOf(value);
      else if (!name.startsWith(HIDDEN)) {
        for (Object item : value instanceof Iterable<?> items ? items : List.of(String.valueOf(value).split("\n"))) headers.add(List.of(name, Failures.cut(String.valueOf(item))));
      }
    }
    headers.add(List.of("content-type", Failures.cut(contentType(type))));
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("status", answer.getStatusCode());
    meta.put("headers", headers);
    return JsonWriter.bytes(meta);
  }

  // A multipart type stays as it is: its boundary may have capitals.
  private static String contentType(String type) {
    String lower = type.toLowerCase(Locale.ROOT);
    if (lower.startsWith("multipart/")) return type;
    return lower.contains("charset=") ? lower : lower + "; charset=utf-8";
  }
}
