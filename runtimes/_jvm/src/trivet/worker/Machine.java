package trivet.worker;

import java.io.FileDescriptor;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * What Java leaves to its launcher, done in a process that runs already: the current directory, variables of the environment, descriptors. The places
 * are opened by the manifest of our jar.
 */
final class Machine {
  private static final boolean IS_ARM = System.getProperty("os.arch").equals("aarch64");
  private static final int CHDIR = IS_ARM ? 49 : 80, FCNTL = IS_ARM ? 25 : 72;
  private static final int SET_FLAGS = 2, CLOSE_ON_EXEC = 1, SETENV = -1;
  private static final boolean HAS_CALLS = loadLibrary();

  private Machine() {}

  /** A system call, or setenv (Elf.java). */
  private static native long system(long number, long a, long b, long c);

  private static boolean loadLibrary() {
    Path library = Path.of(System.getProperty("java.class.path").split(":")[0]).resolveSibling("libtrivet.so").toAbsolutePath();
    if (!Files.exists(library)) return false;
    System.load(library.toString());
    return true;
  }

  static FileDescriptor descriptor(int number) throws ReflectiveOperationException {
    Constructor<FileDescriptor> make = FileDescriptor.class.getDeclaredConstructor(int.class);
    make.setAccessible(true);
    if (HAS_CALLS) system(FCNTL, number, SET_FLAGS, CLOSE_ON_EXEC);
    return make.newInstance(number);
  }

  /** The process's directory, and what the JDK remembers of it. */
  static void enter(String dir) throws ReflectiveOperationException {
    if (dir.equals(System.getProperty("user.dir"))) return; // it was started there
    if (!HAS_CALLS) throw new Fault("LOAD_FAILED", "on this kind of processor a worker cannot change its directory to " + dir);
    ByteBuffer path = text(dir);
    long failed = system(CHDIR, address(path), 0, 0);
    if (failed != 0) throw new Fault("LOAD_FAILED", "cannot enter " + dir + ": error " + -failed);
    System.setProperty("user.dir", dir);
    Object files = field(java.io.File.class, files()).get(null);
    Class<?> kind = files.getClass();
    field(kind, "userDir").set(files, dir);
    Object paths = Path.of("").getFileSystem();
    field(paths.getClass().getSuperclass(), "defaultDirectory").set(paths, dir.getBytes(StandardCharsets.UTF_8));
    field(paths.getClass().getSuperclass(), "needToResolveAgainstDefaultDirectory").set(paths, false);
  }

  private static String files() {
    for (Field each : java.io.File.class.getDeclaredFields()) {
      if (each.getType().getSimpleName().endsWith("FileSystem")) return each.getName(); // `fs`, or `FS` since Java 21
    }
    return "fs";
  }

  private static ByteBuffer text(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(bytes.length + 1).put(bytes).put((byte) 0);
  }

  private static long address(ByteBuffer text) throws ReflectiveOperationException {
    return (Long) field(java.nio.Buffer.class, "address").get(text);
  }

  /** Variables as System.getenv() shows them, and as processes that are started inherit them. */
  @SuppressWarnings("unchecked")
  static void set(Map<String, Object> variables) throws ReflectiveOperationException {
    Object shown = field(Class.forName("java.lang.ProcessEnvironment"), "theUnmodifiableEnvironment").get(null);
    Map<String, String> real = (Map<String, String>) field(Class.forName("java.util.Collections$UnmodifiableMap"), "m").get(shown);
    for (Map.Entry<String, Object> each : variables.entrySet()) {
      String value = String.valueOf(each.getValue());
      real.put(each.getKey(), value);
      if (!HAS_CALLS) continue;
      ByteBuffer name = text(each.getKey());
      ByteBuffer text = text(value);
      system(SETENV, address(name), address(text), 1);
      java.lang.ref.Reference.reachabilityFence(name);
      java.lang.ref.Reference.reachabilityFence(text);
    }
  }

  /** Goes all ways once, and back. */
  static void rehearse() throws ReflectiveOperationException {
    String dir = System.getProperty("user.dir");
    set(Map.of("PWD", dir));
    if (!HAS_CALLS) return;
    enter("/proc");
    enter(dir);
  }

  private static Field field(Class<?> type, String name) throws ReflectiveOperationException {
    Field field = type.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }
}
