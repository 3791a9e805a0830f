package trivet.worker;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

/**
 * What a first call does, with a function of our own (../../../rehearsal) and a host of our own. The way of a call has been gone then, so that nothing on it is loaded or
 * compiled when somebody waits.
 */
final class Rehearsal {
  private static final int TIMES = 200;
  private static final String JAR = "rehearsal"; // an artifact beside our jar
  private static final String BODY = "{\"action\":\"echo\",\"value\":{\"name\":\"Ada\",\"text\":\"Gr\u00fc\u00dfe\\n\",\"items\":[1,2.5,null,true]}}";

  private Rehearsal() {}

  // Most are plain; some fail, and some take a moment.
  private static String body(int id) {
    if (id % 50 == 0) return "{}";
    return id % 50 == 1 ? BODY.replace("{\"action\"", "{\"name\":\"slow\",\"action\"") : BODY;
  }

  static void run() throws Exception {
    Path artifact = Path.of(System.getProperty("java.class.path").split(":")[0]).resolveSibling(JAR);
    if (!Files.exists(artifact)) return;
    Machine.rehearse();
    ByteArrayOutputStream frames = new ByteArrayOutputStream();
    for (int id = 1; id <= TIMES; id++) {
      frames.write(Pipes.frameOf(Pipes.CALL, id, "{\"id\":\"\",\"deadline_ms\":0}".getBytes(StandardCharsets.UTF_8), body(id).getBytes(StandardCharsets.UTF_8)));
    }
    Map<String, Object> meta = new LinkedHashMap<>();
    meta.put("function", "rehearsal");
    meta.put("entrypoint", "Rehearsed.java");
    meta.put("interface", "json");
    meta.put("output", artifact.toString());
    Plan plan = Plan.of(meta);
    CountDownLatch ended = new CountDownLatch(1);
    Worker worker = new Worker(new Pipes(new ByteArrayInputStream(frames.toByteArray()), OutputStream.nullOutputStream()), ended);
    worker.load(plan, new Code(plan, Rehearsal.class.getClassLoader()));
    worker.start();
    ended.await();
  }
}
