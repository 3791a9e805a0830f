package trivet;

import java.util.Map;

/** A call of another function failed. */
public class CallError extends RuntimeException {
  private static final long serialVersionUID = 1;
  private final transient Map<String, Object> details;
  private final byte[] body;

  public CallError(Map<String, Object> details, byte[] body) {
    super(sentence(details));
    this.details = details;
    this.body = body;
  }

  // A loop is told as it is by each call that it passes through.
  private static String sentence(Map<String, Object> details) {
    String message = String.valueOf(details.get("message"));
    return "LOOP_DETECTED".equals(details.get("code")) ? message : details.get("function") + ": " + details.get("code") + ": " + message;
  }

  public String getCode() {
    return String.valueOf(details.get("code"));
  }

  /** The function that was called. */
  public String getFunction() {
    return String.valueOf(details.get("function"));
  }

  /** All that is known: `message` is the host's sentence alone. */
  public Map<String, Object> getDetails() {
    return details;
  }

  /** Of an answer that refused, 400 or more; else null. */
  public Integer getStatus() {
    return details.get("status") instanceof Number n ? (Integer) n.intValue() : null;
  }

  /** The body of such an answer, else null. */
  public byte[] getBody() {
    return body;
  }
}
