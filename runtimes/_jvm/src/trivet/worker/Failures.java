package trivet.worker;

import java.lang.reflect.InvocationTargetException;
import java.util.LinkedHashMap;
import java.util.Map;
import trivet.CallError;

/** What ERROR says of what user code threw. */
public final class Failures {
  private static final int TEXT_MOST = 64 * 1024; // characters of a message, a stack or a log line
  private static final int CAUSES_MOST = 8;

  private Failures() {}

  /** The thrown thing behind the wrappers of reflection and futures. */
  static Throwable bare(Throwable thrown) {
    while ((thrown instanceof InvocationTargetException || thrown instanceof java.util.concurrent.CompletionException
        || thrown instanceof java.util.concurrent.ExecutionException) && thrown.getCause() != null) thrown = thrown.getCause();
    return thrown;
  }

  /** Throws anything, checked or not. */
  @SuppressWarnings("unchecked")
  static <T extends Throwable> RuntimeException raise(Throwable thrown) throws T {
    throw (T) thrown;
  }

  static Map<String, Object> describe(Throwable thrown) {
    Map<String, Object> facts = new LinkedHashMap<>();
    if (thrown instanceof Fault fault) {
      facts.put("code", fault.code);
      facts.put("message", cut(fault.getMessage()));
      return facts;
    }
    boolean isLoop = thrown instanceof CallError error && error.getCode().equals("LOOP_DETECTED");
    facts.put("code", isLoop ? "LOOP_DETECTED" : "FUNCTION_ERROR");
    facts.put("message", cut(messageOf(thrown)));
    facts.put("type", thrown.getClass().getName());
    facts.put("stack", cut(stackOf(thrown)));
    return facts;
  }

  // User code may throw what throws when it is looked at.
  private static String messageOf(Throwable thrown) {
    try {
      String message = thrown.getMessage();
      return message != null ? message : thrown.getClass().getSimpleName();
    } catch (Throwable mute) {
      return "an exception whose message cannot be had";
    }
  }

  /** As printStackTrace() has it, without what called user code. */
  public static String stackOf(Throwable thrown) {
    StringBuilder out = new StringBuilder();
    int causes = 0;
    for (Throwable at = thrown; at != null && causes < CAUSES_MOST; causes++) {
      String message = messageOf(at);
      out.append(causes > 0 ? "\nCaused by: " : "").append(at.getClass().getName()).append(message.isEmpty() ? "" : ": " + message);
      StackTraceElement[] frames = at.getStackTrace();
      int end = 0;
      while (end < frames.length && !frames[end].getClassName().startsWith("trivet.worker.")) end++;
      while (end > 0 && end < frames.length && isReflection(frames[end - 1].getClassName())) end--;
      for (int i = 0; i < end; i++) out.append("\n\tat ").append(frames[i]);
      at = at.getCause();
    }
    return out.toString();
  }

  private static boolean isReflection(String name) {
    return name.startsWith("jdk.internal.reflect.") || name.startsWith("java.lang.reflect.") || name.startsWith("java.lang.invoke.");
  }

  /** Short enough for a frame's meta, and such that UTF-8 can hold it: half of a surrogate pair is replaced. */
  static String cut(String text) {
    String shorter = text.length() > TEXT_MOST ? text.substring(0, TEXT_MOST) : text;
    for (int i = 0; i < shorter.length(); i++) {
      if (Character.isSurrogate(shorter.charAt(i))) {
        return new String(shorter.getBytes(java.nio.charset.StandardCharsets.UTF_8), java.nio.charset.StandardCharsets.UTF_8);
      }
    }
    return shorter;
  }
}
