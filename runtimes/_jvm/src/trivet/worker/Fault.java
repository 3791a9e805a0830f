package trivet.worker;

/** A failure that has a code of its own in the protocol. It has no stack: it is told, not debugged. */
public final class Fault extends RuntimeException {
  private static final long serialVersionUID = 1;
  final String code;

  public Fault(String code, String message) {
    super(message, null, false, false);
    this.code = code;
  }

  static Fault input(String message) {
    return new Fault("INVALID_INPUT", message);
  }

  static Fault output(String message) {
    return new Fault("INVALID_OUTPUT", message);
  }
}
