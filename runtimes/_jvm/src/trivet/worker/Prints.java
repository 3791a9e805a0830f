package trivet.worker;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * What user code prints. It goes to the plain pipes line by line, and before a REPLY all of it; where several calls run at once, what a call prints
 * becomes LOG frames with its id.
 */
final class Prints {
  private static final int HELD_MOST = 8192;
  private static final InheritableThreadLocal<Call> PRINTING = new InheritableThreadLocal<>();
  private static boolean attributes;
  private static Lines out, err;

  private Prints() {}

  static void take() {
    out = new Lines(new FileOutputStream(FileDescriptor.out), "info");
    err = new Lines(new FileOutputStream(FileDescriptor.err), "error");
    System.setOut(new PrintStream(out, false, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(err, false, StandardCharsets.UTF_8));
    Runtime.getRuntime().addShutdownHook(new Thread(Prints::flush));
  }

  /** From now on calls run at once. */
  static void attribute() {
    attributes = true;
  }

  static void begin(Call call) {
    if (attributes) PRINTING.set(call);
  }

  static void end(Call call) {
    if (!attributes) {
      flush();
      return;
    }
    call.printed(out.level, null, 0, 0);
    call.printed(err.level, null, 0, 0);
    PRINTING.remove();
  }

  static void flush() {
    if (out == null) return;
    out.flush();
    err.flush();
  }

  /** Holds back what is no whole line, so that a println() is one write. */
  private static final class Lines extends OutputStream {
    private final FileOutputStream to;
    final String level;
    private final byte[] held = new byte[HELD_MOST];
    private volatile int size;

    Lines(FileOutputStream to, String level) {
      this.to = to;
      this.level = level;
    }

    @Override
    public void write(int b) {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      Call call = attributes ? PRINTING.get() : null;
      if (call != null) call.printed(level, bytes, from, length);
      else hold(bytes, from, length);
    }

    private synchronized void hold(byte[] bytes, int from, int length) {
      if (length > held.length - size) {
        flush();
        if (length > held.length) {
          put(bytes, from, length);
          return;
        }
      }
      System.arraycopy(bytes, from, held, size, length);
      size += length;
      if (length > 0 && bytes[from + length - 1] == '\n') flush();
    }

    @Override
    public void flush() {
      if (size == 0) return;
      synchronized (this) {
        put(held, 0, size);
        size = 0;
      }
    }

    private void put(byte[] bytes, int from, int length) {
      try {
        to.write(bytes, from, length);
      } catch (IOException gone) {
        // nobody reads it
      }
    }
  }
}
