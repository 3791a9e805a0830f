package trivet.worker;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import trivet.CallError;
import trivet.Sdk;

/** A call of another function, over ASK and ANSWER (docs/formats/frame.md). */
final class Asking {
  private static final AtomicLong LAST = new AtomicLong(); // the last number: of all calls of this worker

  final long number = LAST.incrementAndGet();
  private final Worker worker;
  private final CompletableFuture<Object> answer = new CompletableFuture<>();

  private Asking(Worker worker) {
    this.worker = worker;
  }

  static Sdk sdk(Call call) {
    return new Sdk() {
      @Override
      public Object call(String function, Object input, Duration timeout) {
        CompletableFuture<Object> answer = ask(call, function, input, timeout);
        try {
          return answer.get();
        } catch (ExecutionException failed) {
          throw Failures.raise(failed.getCause());
        } catch (InterruptedException stopped) {
          Thread.currentThread().interrupt();
          throw new Fault("CANCELLED", "the call was cancelled");
        }
      }

      @Override
      public CompletableFuture<Object> callAsync(String function, Object input, Duration timeout) {
        return ask(call, function, input, timeout);
      }

      @Override
      public <T> T call(String function, Object input, Class<T> type) {
        @SuppressWarnings("unchecked")
        T value = (T) Binder.bind(call(function, input, (Duration) null), type);
        return value;
      }
    };
  }

  private static CompletableFuture<Object> ask(Call call, String function, Object input, Duration timeout) {
    Asking asking = new Asking(call.worker);
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("ask", asking.number);
    meta.put("service", "call");
    meta.put("function", function);
    if (timeout != null) meta.put("timeout_ms", Math.max(0, timeout.toMillis()));
    byte[] facts = JsonWriter.bytes(meta);
    byte[] body = JsonWriter.bytes(input);
    if (Pipes.BEHIND_LENGTH + (long) facts.length + body.length > call.worker.pipes.maxFrame) {
      return refused("PAYLOAD_TOO_LARGE", "the input has " + body.length + " bytes, more than limits.payload of its caller allows", function);
    }
    if (!call.add(asking)) {
      if (call.isCancelled()) return CompletableFuture.failedFuture(new Fault("CANCELLED", "the call was cancelled"));
      return refused("CANCELLED", "the call has ended", function);
    }
    call.worker.lend(call); // the answer must be read by another
    call.worker.pipes.send(Pipes.ASK, call.id, facts, body, 0, body.length, false);
    return asking.answer;
  }

  private static CompletableFuture<Object> refused(String code, String message, String function) {
    Map<String, Object> details = new LinkedHashMap<>();
    details.put("code", code);
    details.put("message", message);
    details.put("function", function);
    return CompletableFuture.failedFuture(new CallError(details, null));
  }

  void drop(String why) {
    worker.run(() -> answer.completeExceptionally(new Fault("CANCELLED", why)));
  }

  /** Completed by a thread of its own: what user code does then may take its time. */
  void answered(Map<String, Object> facts, byte[] body) {
    worker.run(() -> {
      try {
        complete(facts, body);
      } catch (RuntimeException unreadable) {
        answer.completeExceptionally(unreadable);
      }
    });
  }

  @SuppressWarnings("unchecked")
  private void complete(Map<String, Object> facts, byte[] body) {
    if (Boolean.TRUE.equals(facts.get("ok"))) answer.complete(value(facts.get("type") instanceof String type ? type : "application/json", body));
    else answer.completeExceptionally(new CallError((Map<String, Object>) facts.get("error"), body));
  }

  private static Object value(String type, byte[] body) {
    String kind = type.toLowerCase(Locale.ROOT);
    if (kind.startsWith("application/json")) return JsonReader.parse(body);
    if (!kind.startsWith("application/x-ndjson")) return kind.startsWith("text/") ? new String(body, StandardCharsets.UTF_8) : body;
    List<Object> values = new ArrayList<>();
    for (String line : new String(body, StandardCharsets.UTF_8).split("\n")) {
      if (!line.isBlank()) values.add(JsonReader.parse(line.getBytes(StandardCharsets.UTF_8)));
    }
    return values;
  }
}
