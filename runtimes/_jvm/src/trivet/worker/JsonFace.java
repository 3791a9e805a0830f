package trivet.worker;

import java.lang.reflect.Type;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.stream.BaseStream;
import trivet.Context;
import trivet.Log;
import trivet.Sdk;

/** The json interface: handle(input, ctx), both of which may be left out. */
final class JsonFace implements Face {
  private static final byte[] LINES = JsonWriter.bytes(Map.of("status", 200, "headers", List.of(List.of("content-type", "application/x-ndjson"))));
  private static final ThreadLocal<Buffer> REPLIES = ThreadLocal.withInitial(() -> new Buffer(Pipes.HEADER));
  private final Plan plan;
  private final Code.Handler handler;
  private final Type[] types;
  private final int count;
  private final Map<String, String> env = new LinkedHashMap<>();

  JsonFace(Plan plan, Code code) {
    this.plan = plan;
    try {
      handler = code.handler("handle", "handler", "main");
    } catch (ReflectiveOperationException hidden) {
      throw Failures.raise(hidden);
    }
    types = handler.method.getGenericParameterTypes();
    count = handler.takes.length - (handler.suspends ? 1 : 0);
    int inputs = 0;
    for (int i = 0; i < count; i++) inputs += handler.takes[i] == Context.class ? 0 : 1;
    if (inputs > 1 || count > 2) throw new Fault("LOAD_FAILED", handler.method + " must take an input and a trivet.Context, or fewer");
    for (Map.Entry<String, Object> each : plan.env().entrySet()) env.put(each.getKey(), String.valueOf(each.getValue()));
    for (Class<?> each : handler.takes) Shape.of(each); // what the first call would look at
  }

  @Override
  public void answer(Call call) throws Throwable {
    Object input = JsonReader.parse(call.body);
    call.body = null;
    Object[] args = new Object[handler.takes.length];
    for (int i = 0; i < count; i++) args[i] = handler.takes[i] == Context.class ? new Told(call) : Binder.bind(input, types[i]);
    Object output = come(handler.call(args));
    Iterator<?> values = values(output);
    if (values != null) call.stream(LINES, values, JsonFace::line);
    else conclude(call, output);
  }

  static void conclude(Call call, Object output) {
    Buffer frame = REPLIES.get().reset(Pipes.HEADER);
    JsonWriter.write(frame, isUnit(output) ? null : output);
    call.conclude(frame);
  }

  private static boolean isUnit(Object output) {
    return output != null && output.getClass().getName().equals("kotlin.Unit");
  }

  /** What will be, once it is. */
  static Object come(Object output) throws Exception {
    return output instanceof CompletionStage<?> stage ? stage.toCompletableFuture().get() : output;
  }

  /** What comes one by one; null for a value. */
  static Iterator<?> values(Object output) throws ReflectiveOperationException {
    if (output instanceof Iterator<?> iterator) return iterator;
    if (output instanceof BaseStream<?, ?> stream) return stream.iterator();
    if (output instanceof Map || output instanceof Collection || output instanceof CharSequence || output == null) return null;
    for (Class<?> kind : output.getClass().getInterfaces()) {
      if (kind.getName().equals("kotlin.sequences.Sequence")) return (Iterator<?>) kind.getMethod("iterator").invoke(output);
    }
    return null;
  }

  private static byte[] line(Object value) {
    if (value instanceof byte[] bytes) return bytes;
    Buffer line = new Buffer(0);
    JsonWriter.write(line, value);
    line.put('\n');
    return line.copy(0);
  }

  /** The second argument of a handler. It asks its call only for what user code reads. */
  private final class Told implements Context {
    private final Call call;

    Told(Call call) {
      this.call = call;
    }

    @Override
    public String getCallId() {
      return String.valueOf(call.facts().get("id"));
    }

    @Override
    public String getFunction() {
      return plan.function();
    }

    @Override
    @SuppressWarnings("unchecked")
    public Map<String, Object> getAuth() {
      return (Map<String, Object>) call.facts().get("auth");
    }

    @Override
    public Map<String, String> getEnv() {
      return env;
    }

    @Override
    public long getDeadline() {
      return call.facts().get("deadline_ms") instanceof Number number ? number.longValue() : Long.MAX_VALUE;
    }

    @Override
    public Log getLog() {
      return call.log();
    }

    @Override
    public Sdk getSdk() {
      return Asking.sdk(call);
    }

    @Override
    public boolean isCancelled() {
      return call.isCancelled();
    }
  }
}
