package trivet;

import java.util.Map;

/** What a json handler is told besides its input: its second parameter, when it has one. */
public interface Context {
  /** Identifies the call in logs. */
  String getCallId();

  /** The function's name. */
  String getFunction();

  /** Who calls, or null. */
  Map<String, Object> getAuth();

  /** The function's own variables. */
  Map<String, String> getEnv();

  /** When the call must have ended, in Unix milliseconds. */
  long getDeadline();

  Log getLog();

  Sdk getSdk();

  /** True once the call was cancelled. The thread that runs the handler is interrupted then. */
  boolean isCancelled();
}
