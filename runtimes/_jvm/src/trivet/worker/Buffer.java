package trivet.worker;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Bytes that are being written, big-endian. Behind a head of `reserved` bytes, which a frame's header is put into at last. */
final class Buffer {
  private static final int KEPT_MOST = 1 << 20;
  byte[] bytes;
  int size;

  Buffer(int reserved) {
    bytes = new byte[1024];
    size = reserved;
  }

  /** Empty again; a large array is not kept. */
  Buffer reset(int reserved) {
    if (bytes.length > KEPT_MOST) bytes = new byte[1024];
    size = reserved;
    return this;
  }

  void room(int more) {
    if (bytes.length - size >= more) return;
    long wanted = Math.max(2L * bytes.length, (long) size + more);
    if ((long) size + more > Integer.MAX_VALUE - 16) throw Fault.output("the value has more than 2 GiB as JSON");
    bytes = Arrays.copyOf(bytes, (int) Math.min(wanted, Integer.MAX_VALUE - 16));
  }

  void put(int b) {
    if (size == bytes.length) room(1);
    bytes[size++] = (byte) b;
  }

  void put(byte[] from, int at, int length) {
    room(length);
    System.arraycopy(from, at, bytes, size, length);
    size += length;
  }

  void ascii(String text) {
    int length = text.length();
    room(length);
    for (int i = 0; i < length; i++) bytes[size + i] = (byte) text.charAt(i);
    size += length;
  }

  void utf8(String text) {
    byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
    put(encoded, 0, encoded.length);
  }

  void int32(int at, int value) {
    bytes[at] = (byte) (value >>> 24);
    bytes[at + 1] = (byte) (value >>> 16);
    bytes[at + 2] = (byte) (value >>> 8);
    bytes[at + 3] = (byte) value;
  }

  byte[] copy(int from) {
    return Arrays.copyOfRange(bytes, from, size);
  }
}
