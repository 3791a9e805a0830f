package trivet.worker;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;

/** The frame protocol, version 1 (docs/formats/frame.md): frames come in on one pipe and leave on the other. One thread reads at a time, any may write. */
final class Pipes {
  static final int LOAD = 1, CALL = 2, CHUNK = 3, CANCEL = 4, PING = 5, ANSWER = 6, DRAIN = 8, CREDIT = 9;
  static final int HELLO = 65, READY = 66, REPLY = 67, ERROR = 68, LOG = 69, PONG = 70, ASK = 71;
  static final int HEADER = 16;
  static final int BEHIND_LENGTH = 12; // of the header, counted by `length`
  static final int META_MOST = 1 << 20;
  static final int CHUNK_MOST = 64 * 1024;
  private static final byte[] NONE = new byte[0];

  record Frame(int type, boolean more, int call, byte[] meta, byte[] body) {}

  private final InputStream in;
  private final OutputStream out;
  private final byte[] read = new byte[8192]; // as many as the JDK reads without asking for memory
  private int at, end;
  private final Buffer scratch = new Buffer(HEADER);
  int maxFrame = META_MOST + BEHIND_LENGTH; // until LOAD tells

  Pipes(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** The next frame, null at the end. A frame that breaks the rules is an IOException: nothing behind it can be trusted. */
  Frame receive() throws IOException {
    while (end - at < HEADER) {
      if (!fill()) return null;
    }
    int length = int32(at);
    int type = read[at + 4] & 255, flags = read[at + 5], call = int32(at + 8), metaSize = int32(at + 12);
    boolean isBroken = length < BEHIND_LENGTH || length > maxFrame || metaSize < 0 || metaSize > META_MOST || metaSize > length - BEHIND_LENGTH
        || (flags & ~1) != 0 || read[at + 6] != 0 || read[at + 7] != 0;
    if (isBroken) throw new IOException("the host sent a frame that breaks the protocol (length " + length + ", meta " + metaSize + ")");
    at += HEADER;
    byte[] meta = take(metaSize);
    byte[] body = take(length - BEHIND_LENGTH - metaSize);
    return meta == null || body == null ? null : new Frame(type, flags == 1, call, meta, body);
  }

  private boolean fill() throws IOException {
    if (at == end) at = end = 0;
    else if (at > 0 && read.length - at < HEADER) {
      System.arraycopy(read, at, read, 0, end - at);
      end -= at;
      at = 0;
    }
    int count = in.read(read, end, read.length - end);
    if (count > 0) end += count;
    return count > 0;
  }

  // What is not read yet goes into its array at once, in pieces, so that the JDK needs no second copy of all.
  private byte[] take(int size) throws IOException {
    if (size == 0) return NONE;
    byte[] bytes = new byte[size];
    int have = Math.min(size, end - at);
    System.arraycopy(read, at, bytes, 0, have);
    at += have;
    while (have < size) {
      int count = in.read(bytes, have, Math.min(size - have, CHUNK_MOST));
      if (count <= 0) return null;
      have += count;
    }
    return bytes;
  }

  private int int32(int i) {
    return (read[i] & 255) << 24 | (read[i + 1] & 255) << 16 | (read[i + 2] & 255) << 8 | read[i + 3] & 255;
  }

  void send(int type, int call, byte[] meta) {
    send(type, call, meta, NONE, 0, 0, false);
  }

  /** One write up to 64 KiB. */
  synchronized void send(int type, int call, byte[] meta, byte[] body, int from, int size, boolean more) {
    Buffer frame = scratch.reset(HEADER);
    frame.put(meta, 0, meta.length);
    boolean isShort = HEADER + meta.length + size <= CHUNK_MOST;
    if (isShort) frame.put(body, from, size);
    head(frame, type, call, meta.length, meta.length + size, more);
    write(frame.bytes, 0, frame.size);
    if (!isShort) write(body, from, size);
  }

  /** A frame without meta whose body was written into a buffer behind HEADER bytes. */
  synchronized void send(int type, int call, Buffer frame) {
    head(frame, type, call, 0, frame.size - HEADER, false);
    write(frame.bytes, 0, frame.size);
  }

  private static void head(Buffer frame, int type, int call, int metaSize, int size, boolean more) {
    frame.int32(0, BEHIND_LENGTH + size);
    frame.int32(4, type << 24 | (more ? 1 : 0) << 16);
    frame.int32(8, call);
    frame.int32(12, metaSize);
  }

  private void write(byte[] bytes, int from, int size) {
    try {
      for (int done = 0; done < size; done += CHUNK_MOST) out.write(bytes, from + done, Math.min(CHUNK_MOST, size - done));
    } catch (IOException gone) {
      Runtime.getRuntime().halt(1); // the host is
    }
  }

  /** The bytes of a frame, for those who play the host. */
  static byte[] frameOf(int type, int call, byte[] meta, byte[] body) {
    Buffer frame = new Buffer(HEADER);
    frame.put(meta, 0, meta.length);
    frame.put(body, 0, body.length);
    head(frame, type, call, meta.length, meta.length + body.length, false);
    return Arrays.copyOf(frame.bytes, frame.size);
  }
}
