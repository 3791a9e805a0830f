package trivet.worker;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a shared library with one function, Machine.system(number, a, b, c): a system call, or for a negative number setenv(a, b, c). Java cannot
 * change the current directory, nor what processes that it starts inherit, which a worker that was started ahead needs; and a C compiler is more than
 * a Java function should ask for. The library is two pages: what never changes, and the dynamic section, which the linker writes into.
 */
final class Elf {
  private static final String SYMBOL = "Java_trivet_worker_Machine_system";
  private static final int PAGE = 0x1000;
  private static final String IMPORTED = "setenv";
  private static final int NAMES = 0x148, SYMBOLS = 0x188, HASH = 0x1d0, RELOCATION = 0x1e8, CODE = 0x200;
  private static final int CODE_SIZE = 40, DYNAMIC_SIZE = 9 * 16, IMPORT = PAGE + DYNAMIC_SIZE; // the linker puts the address of setenv there
  private static final int SYMBOL_SIZE = 24;

  private final ByteBuffer out = ByteBuffer.allocate(IMPORT + 8).order(ByteOrder.LITTLE_ENDIAN);

  private Elf() {}

  /** Arguments: the file. Without a known processor there is no file. */
  public static void main(String[] args) throws java.io.IOException {
    boolean isArm = System.getProperty("os.arch").equals("aarch64");
    if (!isArm && !System.getProperty("os.arch").equals("amd64")) return;
    Files.write(Path.of(args[0]), new Elf().library(isArm));
  }

  // JNI passes the environment and the class before the arguments.
  private static byte[] code(boolean isArm) {
    ByteBuffer code = ByteBuffer.allocate(CODE_SIZE).order(ByteOrder.LITTLE_ENDIAN);
    if (isArm) {
      code.putInt(0xAA0203E8).putInt(0xAA0303E0).putInt(0xAA0403E1).putInt(0xAA0503E2); // mov x8, x2; x0, x3; x1, x4; x2, x5
      code.putInt(0xB7F80068).putInt(0xD4000001).putInt(0xD65F03C0); // tbnz x8, 63, behind; svc 0; ret
      code.putInt(0x58000010 | (IMPORT - CODE - 28) / 4 << 5).putInt(0xD61F0200); // ldr x16, import; br x16
    } else {
      code.put(bytes(0x48, 0x89, 0xD0, 0x48, 0x89, 0xCF, 0x4C, 0x89, 0xC6, 0x4C, 0x89, 0xCA)); // mov rax, rdx; rdi, rcx; rsi, r8; rdx, r9
      code.put(bytes(0x48, 0x85, 0xC0, 0x78, 0x03, 0x0F, 0x05, 0xC3)); // test rax, rax; js behind; syscall; ret
      code.put(bytes(0xFF, 0x25)).putInt(IMPORT - CODE - 26); // jmp [import]
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
    segment(1, 5, 0, CODE + CODE_SIZE, PAGE); // loaded, readable and executable
    segment(1, 6, PAGE, DYNAMIC_SIZE + 8, PAGE); // loaded, writable
    segment(2, 6, PAGE, DYNAMIC_SIZE, 8); // the dynamic section
    segment(0x6474e551, 6, 0, 0, 16); // the stack is not executable
    byte[] names = ("\0" + SYMBOL + "\0" + IMPORTED + "\0").getBytes(StandardCharsets.US_ASCII);
    out.position(NAMES);
    out.put(names);
    out.position(SYMBOLS + SYMBOL_SIZE);
    out.putInt(1).put((byte) 0x12).put((byte) 0).putShort((short) 1).putLong(CODE).putLong(CODE_SIZE); // a global function
    out.putInt(SYMBOL.length() + 2).put((byte) 0x12).put((byte) 0).putShort((short) 0).putLong(0).putLong(0); // one of another library
    out.position(HASH);
    out.putInt(1).putInt(3).putInt(1).putInt(0).putInt(0).putInt(0); // one bucket, three symbols: the bucket has number 1
    out.putLong(IMPORT).putLong(2L << 32 | (isArm ? 1025 : 6)).putLong(0); // RELOCATION: the address of symbol 2
    out.position(CODE);
    out.put(code(isArm));
    out.position(PAGE);
    long[][] entries = {{4, HASH}, {5, NAMES}, {6, SYMBOLS}, {7, RELOCATION}, {8, 24}, {9, 24}, {10, names.length}, {11, SYMBOL_SIZE}, {0, 0}};
    for (long[] entry : entries) out.putLong(entry[0]).putLong(entry[1]);
    return out.array();
  }

  private void segment(int type, int flags, long at, long size, long align) {
    if (out.position() < 64) out.position(64);
    out.putInt(type).putInt(flags).putLong(at).putLong(at).putLong(at).putLong(size).putLong(size).putLong(align);
  }
}
