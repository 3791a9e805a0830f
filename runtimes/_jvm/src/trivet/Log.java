package trivet;

import java.util.Map;

/** Lines of a call's log. Fields are written as JSON beside the message. */
public interface Log {
  void write(String level, Object message, Map<String, ?> fields);

  default void debug(Object message) {
    write("debug", message, null);
  }

  default void debug(Object message, Map<String, ?> fields) {
    write("debug", message, fields);
  }

  default void info(Object message) {
    write("info", message, null);
  }

  default void info(Object message, Map<String, ?> fields) {
    write("info", message, fields);
  }

  default void warn(Object message) {
    write("warn", message, null);
  }

  default void warn(Object message, Map<String, ?> fields) {
    write("warn", message, fields);
  }

  default void error(Object message) {
    write("error", message, null);
  }

  default void error(Object message, Map<String, ?> fields) {
    write("error", message, fields);
  }
}
