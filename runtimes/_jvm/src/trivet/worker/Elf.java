package trivet.worker;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a shared library with one function, Machine.system(number, a, b, c): a system call. Java has none to change the current directory, which a
 * worker that was started ahead needs, and a C compiler is more than a Java function should ask for. The library is two pages: what never changes,
 * and the dynamic section, which the linker writes into.
 */
final class Elf {
  private static final String SYMBOL = "Java_trivet_worker_Machine_system";
  private static final int PAGE = 0x1000;
  private static final int NAMES = 0x100, SYMBOLS = 0x180, HASH = 0x1c0, CODE = 0x200;
  private static final int SYMBOL_SIZE = 24, ENTRY_SIZE = 16;

  private final ByteBuffer out = ByteBuffer.allocate(PAGE + 6 * ENTRY_SIZE).order(ByteOrder.LITTLE_ENDIAN);

  private Elf() {}

  /** Arguments: the file. Without a known processor there is no file. */
  public static void main(String[] args) throws java.io.IOException {
    boolean isArm = System.getProperty("os.arch").equals("aarch64");
    if (!isArm && !System.getProperty("os.arch").equals("amd64")) return;
    Files.write(Path.of(args[0]), new Elf().library(isArm));
  }

  // JNI passes the environment and the class before the arguments.
  private static byte[] code(boolean isArm) {
    ByteBuffer code = ByteBuffer.allocate(24).order(ByteOrder.LITTLE_ENDIAN);
    if (isArm) {
      code.putInt(0xAA0203E8).putInt(0xAA0303E0).putInt(0xAA0403E1).putInt(0xAA0503E2); // mov x8, x2; x0, x3; x1, x4; x2, x5
      code.putInt(0xD4000001).putInt(0xD65F03C0); // svc 0; ret
    } else {
      code.put(bytes(0x48, 0x89, 0xD0, 0x48, 0x89, 0xCF, 0x4C, 0x89, 0xC6, 0x4C, 0x89, 0xCA)); // mov rax, rdx; rdi, rcx; rsi, r8; rdx, r9
      code.put(bytes(0x0F, 0x05, 0xC3)); // syscall; ret
    }
    return code.array();
  }

  private static byte[] bytes(int... values) {
    byte[] out = new byte[values.length];
    for (int i = 0; i < values.length; i++) out[i] = (byte) values[i];
    return out;
  }

  private byte[] library(boolean isArm) {
    out.put(bytes(0x7F, 'E', 'L', 'F', 2, 1, 1)).position(16); // 64 bit, little-endian
    out.putShort((short) 3).putShort((short) (isArm ? 183 : 62)).putInt(1); // a shared object
    out.putLong(0).putLong(64).putLong(0).putInt(0); // no entry; segments behind this header; no sections
    out.putShort((short) 64).putShort((short) 56).putShort((short) 4).putShort((short) 64).putShort((short) 0).putShort((short) 0);
    segment(1, 5, 0, CODE + 24, PAGE); // loaded, readable and executable
    segment(1, 6, PAGE, 6 * ENTRY_SIZE, PAGE); // loaded, writable
    segment(2, 6, PAGE, 6 * ENTRY_SIZE, 8); // the dynamic section
    segment(0x6474e551, 6, 0, 0, 16); // the stack is not executable
    byte[] name = SYMBOL.getBytes(StandardCharsets.US_ASCII);
    out.position(NAMES + 1);
    out.put(name);
    out.position(SYMBOLS + SYMBOL_SIZE);
    out.putInt(1).put((byte) 0x12).put((byte) 0).putShort((short) 1).putLong(CODE).putLong(24); // a global function
    out.position(HASH);
    out.putInt(1).putInt(2).putInt(1).putInt(0).putInt(0); // one bucket, two symbols: the bucket begins with number 1
    out.position(CODE);
    out.put(code(isArm));
    out.position(PAGE);
    long[][] entries = {{4, HASH}, {5, NAMES}, {6, SYMBOLS}, {10, name.length + 2}, {11, SYMBOL_SIZE}, {0, 0}};
    for (long[] entry : entries) out.putLong(entry[0]).putLong(entry[1]);
    return out.array();
  }

  private void segment(int type, int flags, long at, long size, long align) {
    if (out.position() < 64) out.position(64);
    out.putInt(type).putInt(flags).putLong(at).putLong(at).putLong(at).putLong(size).putLong(size).putLong(align);
  }
}
