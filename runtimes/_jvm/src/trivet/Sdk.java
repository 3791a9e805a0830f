package trivet;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/**
 * Calls of other functions. They inherit who calls and the deadline, and end with the call that they are made in: one that nobody waits for is
 * cancelled. What comes is the value of a JSON reply, the list of values of JSON lines, text, or a byte array. A failure is a {@link CallError}.
 */
public interface Sdk {
  /** With a null timeout only the caller's deadline ends it. */
  Object call(String function, Object input, Duration timeout);

  /** Several may be under way at once. */
  CompletableFuture<Object> callAsync(String function, Object input, Duration timeout);

  /** The answer as a record, a class with setters, or any other type that an input may have. */
  <T> T call(String function, Object input, Class<T> type);

  default Object call(String function, Object input) {
    return call(function, input, (Duration) null);
  }

  default CompletableFuture<Object> callAsync(String function, Object input) {
    return callAsync(function, input, null);
  }
}
