package trivet.worker;

import java.io.BufferedOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;

/** Makes an artifact's function.jar: stored, not compressed, in order and without times, so that the same classes make the same bytes. */
final class Pack {
  private static final long TIME = 315_532_800_000L + 86_400_000L; // a day after the first that an archive can name, wherever the clock is
  static final List<String> NEEDED = List.of("packages", "lib"); // folders of jars: what a build description names, what the function brings
  private static final String MAIN = "trivet.worker.Main";

  private Pack() {}

  /**
   * Arguments: `worker`, or the entrypoint of a function; the artifact; folders of classes and resources. The jar of the worker opens what Machine needs.
   */
  public static void main(String[] args) throws IOException {
    boolean isWorker = args[0].equals("worker");
    Path output = Path.of(args[1]);
    Manifest manifest = new Manifest();
    Attributes main = manifest.getMainAttributes();
    main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
    List<String> needed = needed(output);
    if (!needed.isEmpty()) main.put(Attributes.Name.CLASS_PATH, String.join(" ", needed));
    if (isWorker) {
      main.put(Attributes.Name.MAIN_CLASS, MAIN);
      main.putValue("Add-Opens", "java.base/java.lang java.base/java.io java.base/java.nio java.base/java.util java.base/sun.nio.fs");
      main.putValue("Enable-Native-Access", "ALL-UNNAMED");
    } else {
      String program = program(args[0], output, args[2]);
      if (program != null) main.put(Attributes.Name.MAIN_CLASS, program);
      main.putValue("Enable-Native-Access", "ALL-UNNAMED");
    }
    write(output.resolve(isWorker ? "worker.jar" : "function.jar"), manifest, Arrays.asList(args).subList(2, args.length));
  }

  private static List<String> needed(Path output) {
    List<String> names = new ArrayList<>();
    for (String folder : NEEDED) {
      File[] files = output.resolve(folder).toFile().listFiles();
      if (files == null) continue;
      Arrays.sort(files);
      for (File file : files) names.add(folder + "/" + file.getName().replace(" ", "%20"));
    }
    return names;
  }

  // The class called as the file is that has a main method.
  private static String program(String entrypoint, Path output, String classes) throws IOException {
    String file = entrypoint.substring(entrypoint.lastIndexOf('/') + 1);
    String stem = file.replaceFirst("\\.[^.]*$", "");
    List<URL> urls = new ArrayList<>();
    urls.add(Path.of(classes).toUri().toURL());
    for (String name : needed(output)) urls.add(output.resolve(name).toUri().toURL());
    try (URLClassLoader loader = new URLClassLoader(urls.toArray(new URL[0])); Stream<Path> all = Files.walk(Path.of(classes))) {
      List<String> names = all.map(path -> Path.of(classes).relativize(path).toString()).filter(name -> name.endsWith(".class")).sorted()
          .map(name -> name.substring(0, name.length() - 6).replace('/', '.')).toList();
      for (String name : names) {
        String simple = name.substring(name.lastIndexOf('.') + 1);
        if ((simple.equalsIgnoreCase(stem) || simple.equalsIgnoreCase(stem + "Kt")) && hasMain(loader, name)) return name;
      }
    }
    return null;
  }

  private static boolean hasMain(ClassLoader loader, String name) {
    try {
      Class.forName(name, false, loader).getDeclaredMethod("main", String[].class);
      return true;
    } catch (ReflectiveOperationException | LinkageError other) {
      return false;
    }
  }

  private static void write(Path jar, Manifest manifest, List<String> folders) throws IOException {
    try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(jar)); JarOutputStream out = new JarOutputStream(file)) {
      out.setMethod(ZipEntry.STORED);
      java.io.ByteArrayOutputStream text = new java.io.ByteArrayOutputStream();
      manifest.write(text);
      put(out, "META-INF/MANIFEST.MF", text.toByteArray());
      java.util.Set<String> seen = new java.util.HashSet<>();
      for (String folder : folders) {
        if (!Files.isDirectory(Path.of(folder))) continue;
        List<Path> files;
        try (Stream<Path> all = Files.walk(Path.of(folder))) {
          files = all.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path each : files) {
          String name = Path.of(folder).relativize(each).toString();
          if (!name.equals("META-INF/MANIFEST.MF") && seen.add(name)) put(out, name, Files.readAllBytes(each));
        }
      }
    }
  }

  private static void put(JarOutputStream out, String name, byte[] bytes) throws IOException {
    JarEntry entry = new JarEntry(name);
    entry.setTime(TIME);
    entry.setSize(bytes.length);
    CRC32 sum = new CRC32();
    sum.update(bytes);
    entry.setCrc(sum.getValue());
    out.putNextEntry(entry);
    out.write(bytes);
    out.closeEntry();
  }
}
