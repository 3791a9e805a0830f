package trivet.worker;

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/** The JVM worker. Arguments: the runtime's name and version, and `spare` or `program`. With `--rehearse` it only does what a spare does before it is needed. */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Throwable {
    if (args[0].equals("--rehearse")) {
      Rehearsal.run();
      return;
    }
    Prints.take();
    Pipes pipes = new Pipes(new FileInputStream(Machine.descriptor(3)), new FileOutputStream(Machine.descriptor(4)));
    if (args[2].equals("spare")) Rehearsal.run();
    pipes.send(Pipes.HELLO, 0, JsonWriter.bytes(hello(args[0], args[1])));
    Plan plan = null;
    while (plan == null) {
      Pipes.Frame frame = pipes.receive();
      if (frame == null || frame.type() == Pipes.DRAIN) System.exit(0);
      if (frame.type() == Pipes.PING) pipes.send(Pipes.PONG, 0, new byte[0], frame.body(), 0, frame.body().length, false);
      if (frame.type() == Pipes.LOAD) plan = Plan.of(JsonReader.object(frame.meta()));
    }
    if (plan.face().equals("stdio")) becomeProgram(plan);
    else work(plan, pipes);
  }

  private static Map<String, Object> hello(String runtime, String version) {
    Map<String, Object> hello = new LinkedHashMap<>();
    hello.put("protocol", 1);
    hello.put("runtime", runtime);
    hello.put("version", version);
    hello.put("concurrency", 0);
    hello.put("features", List.of("cancel", "stream"));
    return hello;
  }

  private static void work(Plan plan, Pipes pipes) throws InterruptedException {
    CountDownLatch ended = new CountDownLatch(1);
    Worker worker = new Worker(pipes, ended);
    try {
      Machine.set(plan.env());
      Machine.enter(plan.dir());
      if (plan.concurrency() > 1) Prints.attribute();
      worker.load(plan, new Code(plan, Main.class.getClassLoader()));
    } catch (Throwable thrown) {
      Map<String, Object> facts = Failures.describe(Failures.bare(thrown));
      facts.put("code", "LOAD_FAILED");
      Prints.flush();
      pipes.send(Pipes.ERROR, 0, JsonWriter.bytes(facts));
      System.exit(1);
    }
    pipes.send(Pipes.READY, 0, new byte[0]);
    worker.start();
    ended.await();
    System.exit(0);
  }

  // One request on stdin and stdout, of a program that is run as `java` runs its main class: it ends when its threads have.
  private static void becomeProgram(Plan plan) throws Throwable {
    Machine.set(plan.env());
    Machine.enter(plan.dir());
    Code code = new Code(plan, ClassLoader.getPlatformClassLoader());
    Thread.currentThread().setContextClassLoader(code.loader);
    try {
      Method main = code.program();
      main.invoke(null, (Object) new String[0]);
    } catch (InvocationTargetException thrown) {
      System.out.flush();
      throw thrown.getCause();
    } finally {
      System.out.flush();
    }
  }
}
