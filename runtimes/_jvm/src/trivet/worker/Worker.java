package trivet.worker;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;

/**
 * Answers the calls of one function (runtimes/CONTRACT.md).
 *
 * A call runs on the thread that read it: to hand it to another costs more than all the rest. When it takes longer than a tick, or waits for
 * something that must be read, another thread goes on reading, and this one ends with its call.
 */
final class Worker {
  private static final long TICK_NANOS = 1_000_000;
  private static final long TICK_NANOS_MANY = 200_000; // where other calls wait, not only CANCEL
  private static final int QUIET_MOST = 50; // ticks without a call, until nobody watches
  private static final long THREAD_SECONDS = 10; // that an idle thread is kept

  final Pipes pipes;
  Plan load;
  private final CountDownLatch ended;
  private Face face;
  private ClassLoader loader;
  private final Map<Integer, Call> calls = new ConcurrentHashMap<>();
  private volatile boolean isEnding;
  private final AtomicReference<Call> lent = new AtomicReference<>(); // the call whose thread will read again
  private final ExecutorService threads = new ThreadPoolExecutor(0, Integer.MAX_VALUE, THREAD_SECONDS, TimeUnit.SECONDS, new SynchronousQueue<>(), this::thread);
  private volatile boolean isUnwatched;
  private Thread watcher;

  /** `ended` is counted down when no call will come any more and the last was answered. */
  Worker(Pipes pipes, CountDownLatch ended) {
    this.pipes = pipes;
    this.ended = ended;
  }

  private Thread thread(Runnable task) {
    Thread thread = new Thread(task, "trivet");
    thread.setDaemon(true);
    thread.setContextClassLoader(loader);
    return thread;
  }

  /** Work of ours beside the reading. */
  void run(Runnable task) {
    threads.execute(task);
  }

  /** From LOAD to READY. */
  void load(Plan plan, Code code) {
    load = plan;
    loader = code.loader;
    pipes.maxFrame = plan.maxFrame();
    Thread.currentThread().setContextClassLoader(loader);
    face = Face.of(plan, code);
  }

  void start() {
    watcher = thread(this::watch);
    watcher.start();
    run(this::serve);
  }

  // ------------------------------------------------------------------ reading

  private void serve() {
    try {
      for (Pipes.Frame frame; (frame = pipes.receive()) != null;) {
        Call call = take(frame);
        if (call == null) continue;
        lent.set(call);
        if (isUnwatched) LockSupport.unpark(watcher);
        answer(call);
        if (!lent.compareAndSet(call, null)) return; // another reads now
      }
    } catch (IOException broken) {
      System.err.println(broken.getMessage());
      Prints.flush();
      Runtime.getRuntime().halt(1);
    }
    endWhenIdle();
  }

  /** The thread of this call does not read before it is through. */
  void lend(Call call) {
    if (lent.compareAndSet(call, null)) run(this::serve);
  }

  // Takes the reading from a call that was there a tick ago. Without calls nobody is woken.
  private void watch() {
    Call seen = null;
    int quiet = 0;
    long tick = load.concurrency() > 1 ? TICK_NANOS_MANY : TICK_NANOS;
    while (!isEnding || !calls.isEmpty()) {
      Call now = lent.get();
      if (now != null && now == seen) lend(now);
      quiet = now == null && seen == null ? quiet + 1 : 0;
      seen = now;
      if (quiet > QUIET_MOST) {
        isUnwatched = true;
        if (lent.get() == null) LockSupport.park(this);
        isUnwatched = false;
        quiet = 0;
      } else {
        LockSupport.parkNanos(this, tick);
      }
    }
  }

  // Does what a frame asks for. A call that is complete is given back, to be answered.
  private Call take(Pipes.Frame frame) {
    Call call = calls.get(frame.call());
    switch (frame.type()) {
      case Pipes.CALL:
        call = new Call(this, frame.call(), frame.meta(), frame.body(), frame.more());
        calls.put(call.id, call);
        return frame.more() ? null : call;
      case Pipes.CHUNK:
        return call == null ? null : more(call, frame);
      case Pipes.CANCEL:
        if (call != null && call.cancel()) {
          call.fail(null);
          forget(call);
        }
        return null;
      case Pipes.ANSWER:
        if (call != null) call.answered(JsonReader.object(frame.meta()), frame.body());
        return null;
      case Pipes.CREDIT:
        if (call != null && JsonReader.object(frame.meta()).get("bytes") instanceof Number bytes) call.credit(bytes.longValue());
        return null;
      case Pipes.PING:
        pipes.send(Pipes.PONG, 0, new byte[0], frame.body(), 0, frame.body().length, false);
        return null;
      case Pipes.DRAIN:
        endWhenIdle();
        return null;
      default:
        return null;
    }
  }

  private Call more(Call call, Pipes.Frame frame) {
    if (call.more(frame.body(), frame.more())) return call;
    if (frame.more()) pipes.send(Pipes.CREDIT, call.id, JsonWriter.bytes(Map.of("bytes", frame.body().length)));
    return null;
  }

  // ------------------------------------------------------------------ answering

  private void answer(Call call) {
    Prints.begin(call);
    try {
      if (!call.begin()) throw new Fault("CANCELLED", "the call was cancelled");
      face.answer(call);
    } catch (Throwable thrown) {
      fail(call, thrown);
    }
    call.end();
    forget(call);
  }

  private static void fail(Call call, Throwable thrown) {
    try {
      call.fail(thrown);
    } catch (Throwable again) { // no memory, or no stack
      call.fail(new Fault("FUNCTION_ERROR", String.valueOf(thrown.getClass().getName())));
    }
  }

  private void forget(Call call) {
    calls.remove(call.id);
    if (isEnding) endWhenIdle();
  }

  // After this, the last answer ends the worker.
  private void endWhenIdle() {
    isEnding = true;
    if (calls.isEmpty()) ended.countDown();
  }
}
