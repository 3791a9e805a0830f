package trivet.worker;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;
import trivet.Log;

/** One call, from CALL to REPLY or ERROR: what the host told about it, and where it stands. Its monitor guards what is not final. */
final class Call {
  private static final Pattern HALVES = Pattern.compile("(\\\\\\\\)|\\\\ud[89a-f][0-9a-f]{2}");
  private static final int FIELDS_MOST = 256 * 1024; // bytes of a line's fields

  final int id;
  final Worker worker;
  private final byte[] meta;
  private Map<String, Object> facts;
  byte[] body;
  private ByteArrayOutputStream parts; // of a body that comes in CHUNKs
  private Thread thread; // that runs the handler
  private boolean isCancelled, isOver;
  private long window;
  private Map<Long, Asking> asks; // by number: the calls that it made and that are not answered
  private Map<String, ByteArrayOutputStream> prints; // what it printed and is no whole line yet, by level

  Call(Worker worker, int id, byte[] meta, byte[] body, boolean more) {
    this.worker = worker;
    this.id = id;
    this.meta = meta;
    this.body = body;
    window = worker.load.credit();
    if (more) (parts = new ByteArrayOutputStream()).write(body, 0, body.length);
  }

  /** Of CALL's meta, parsed when they are asked for. */
  synchronized Map<String, Object> facts() {
    return facts == null ? facts = JsonReader.object(meta) : facts;
  }

  /** Another piece of the body; true when that was the last. */
  synchronized boolean more(byte[] piece, boolean more) {
    if (parts == null) return false;
    parts.write(piece, 0, piece.length);
    if (more) return false;
    body = parts.toByteArray();
    parts = null;
    return true;
  }

  /** False when it was cancelled before. */
  synchronized boolean begin() {
    thread = Thread.currentThread();
    return !isCancelled;
  }

  /** The handler is through. What reaches its thread from here on is not for it. */
  void end() {
    Map<Long, Asking> open;
    synchronized (this) {
      thread = null;
      isOver = true;
      open = asks;
      asks = null;
      if (isCancelled) Thread.interrupted();
    }
    if (open != null) open.values().forEach(each -> each.drop("the call has ended"));
  }

  /** True when nobody will answer for it, because its body was not whole. */
  boolean cancel() {
    Map<Long, Asking> open;
    synchronized (this) {
      isCancelled = true;
      open = asks;
      asks = null;
      if (thread != null) thread.interrupt();
      notifyAll();
      if (parts != null) {
        parts = null;
        return true;
      }
    }
    if (open != null) open.values().forEach(each -> each.drop("the call was cancelled"));
    return false;
  }

  synchronized boolean isCancelled() {
    return isCancelled;
  }

  synchronized void credit(long bytes) {
    window += bytes;
    notifyAll();
  }

  // ------------------------------------------------------------------ calls that it makes

  /** False when it is too late. */
  synchronized boolean add(Asking asking) {
    if (isCancelled || isOver) return false;
    if (asks == null) asks = new HashMap<>();
    asks.put(asking.number, asking);
    return true;
  }

  void answered(Map<String, Object> facts, byte[] answer) {
    Asking asking;
    synchronized (this) {
      asking = asks == null || !(facts.get("ask") instanceof Number number) ? null : asks.remove(number.longValue());
    }
    if (asking != null) asking.answered(facts, answer); // else the call that it belongs to has ended
  }

  // ------------------------------------------------------------------ what it says

  Log log() {
    return (level, message, fields) -> log(level, String.valueOf(message), fields);
  }

  void log(String level, String message, Map<String, ?> fields) {
    byte[] bytes = metaOfLine(level, fields);
    byte[] text = Failures.cut(message).getBytes(StandardCharsets.UTF_8);
    worker.pipes.send(Pipes.LOG, id, bytes, text, 0, text.length, false);
  }

  // Fields that JSON cannot hold, or that are too many, are left out.
  private static byte[] metaOfLine(String level, Map<String, ?> fields) {
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("level", level);
    if (fields == null || fields.isEmpty()) return JsonWriter.bytes(meta);
    try {
      meta.put("fields", JsonReader.parse(whole(JsonWriter.text(fields)).getBytes(StandardCharsets.UTF_8)));
      byte[] bytes = JsonWriter.bytes(meta);
      if (bytes.length <= FIELDS_MOST) return bytes;
    } catch (RuntimeException unfit) {
      // told without them
    }
    meta.remove("fields");
    return JsonWriter.bytes(meta);
  }

  // JSON text without escapes of half a surrogate pair, which the host refuses in meta.
  private static String whole(String json) {
    if (!json.contains("\\ud")) return json;
    return HALVES.matcher(json).replaceAll(found -> found.group(1) != null ? "$0" : "\ufffd");
  }

  /** Prints become lines of the log; null ends what is no whole line. */
  synchronized void printed(String level, byte[] bytes, int from, int size) {
    if (prints == null) {
      if (bytes == null) return;
      prints = new HashMap<>();
    }
    ByteArrayOutputStream line = prints.computeIfAbsent(level, key -> new ByteArrayOutputStream());
    for (int i = 0; i < size; i++) {
      if (bytes[from + i] == '\n') tell(level, line);
      else line.write(bytes[from + i]);
    }
    if (bytes == null && line.size() > 0) tell(level, line);
  }

  private void tell(String level, ByteArrayOutputStream line) {
    log(level, line.toString(StandardCharsets.UTF_8), null);
    line.reset();
  }

  // ------------------------------------------------------------------ how it ends

  /** The one REPLY of a call, its body already in `frame` behind the header. */
  void conclude(Buffer frame) {
    refuseOver(frame.size - Pipes.HEADER, 0);
    Prints.end(this);
    worker.pipes.send(Pipes.REPLY, id, frame);
  }

  void conclude(byte[] replyMeta, byte[] reply) {
    refuseOver(reply.length, replyMeta.length);
    Prints.end(this);
    worker.pipes.send(Pipes.REPLY, id, replyMeta, reply, 0, reply.length, false);
  }

  private void refuseOver(long bodySize, long metaSize) {
    if (Pipes.BEHIND_LENGTH + bodySize + metaSize > worker.pipes.maxFrame || metaSize > Pipes.META_MOST) {
      throw Fault.output("the reply has " + (bodySize + metaSize) + " bytes, more than limits.payload allows: return less, or stream it");
    }
  }

  void fail(Throwable thrown) {
    Prints.end(this);
    Throwable told = isCancelled() ? new Fault("CANCELLED", "the call was cancelled") : Failures.bare(thrown);
    worker.pipes.send(Pipes.ERROR, id, JsonWriter.bytes(Failures.describe(told)));
  }

  /** Sends what an iterator gives as it comes, no faster than the host takes it. */
  void stream(byte[] replyMeta, Iterator<?> values, Function<Object, byte[]> encode) throws InterruptedException {
    worker.lend(this);
    Prints.flush();
    worker.pipes.send(Pipes.REPLY, id, replyMeta, new byte[0], 0, 0, true);
    while (values.hasNext()) {
      byte[] bytes = encode.apply(values.next());
      for (int at = 0; at < bytes.length;) {
        int size = allowed(Math.min(bytes.length - at, Pipes.CHUNK_MOST));
        Prints.flush();
        worker.pipes.send(Pipes.CHUNK, id, new byte[0], bytes, at, size, true);
        at += size;
      }
    }
    if (isCancelled()) throw new Fault("CANCELLED", "the call was cancelled");
    Prints.end(this);
    worker.pipes.send(Pipes.CHUNK, id, new byte[0]);
  }

  private synchronized int allowed(int wanted) throws InterruptedException {
    while (window <= 0 && !isCancelled) wait();
    if (isCancelled) throw new Fault("CANCELLED", "the call was cancelled");
    int size = (int) Math.min(wanted, window);
    window -= size;
    return size;
  }
}
