// A hostile function: does what `attack` says by the means of this language, and answers what came of it.

import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Collectors;

public class Main {
  public record Input(String attack, String argument, List<String> arguments) {}

  private static void read(String path) throws IOException {
    try (var file = new FileInputStream(path)) {
      file.read();
    }
  }

  private static void write(String path) throws IOException {
    new FileOutputStream(path, true).close();
  }

  private static void tcp(String address) throws IOException {
    int colon = address.lastIndexOf(':');
    try (var socket = new Socket()) {
      socket.connect(new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))), 1000);
    }
  }

  private static String spawn(List<String> arguments) throws IOException {
    Process process = new ProcessBuilder(arguments).redirectErrorStream(true).start();
    return new String(process.getInputStream().readAllBytes());
  }

  private static void tasks(int count) throws InterruptedException {
    var end = new CountDownLatch(1);
    List<Thread> started = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        var thread = new Thread(() -> {
          try {
            end.await();
          } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
          }
        });
        thread.start();
        started.add(thread);
      }
    } finally {
      end.countDown();
      for (Thread thread : started) thread.join();
    }
  }

  private static void memory(int mib) {
    List<byte[]> kept = new ArrayList<>();
    for (int i = 0; i < mib; i++) {
      var piece = new byte[1 << 20];
      Arrays.fill(piece, (byte) 1);
      kept.add(piece);
    }
    if (kept.size() != mib) throw new IllegalStateException();
  }

  private static void print(int lines) {
    String line = "x".repeat(999);
    for (int i = 0; i < lines; i++) System.out.println(line);
  }

  private static String attack(Input in) throws Exception {
    switch (in.attack()) {
      case "read" -> read(in.argument());
      case "write" -> write(in.argument());
      case "tcp" -> tcp(in.argument());
      case "spawn" -> {
        return spawn(in.arguments());
      }
      case "environment" -> {
        return System.getenv().entrySet().stream().map(Map.Entry::toString).collect(Collectors.joining("\n"));
      }
      case "tasks" -> tasks(Integer.parseInt(in.argument()));
      case "memory" -> memory(Integer.parseInt(in.argument()));
      case "print" -> print(Integer.parseInt(in.argument()));
      case "reply" -> {
        return "x".repeat(Integer.parseInt(in.argument()) << 20);
      }
      case "spin" -> {
        for (;;) Thread.onSpinWait();
      }
      default -> throw new UnsupportedOperationException("cannot: the platform has no way to " + in.attack());
    }
    return "";
  }

  public Map<String, String> handle(Input in) {
    try {
      return Map.of("outcome", "allowed", "detail", attack(in));
    } catch (Exception | OutOfMemoryError error) {
      return Map.of("outcome", error instanceof UnsupportedOperationException ? error.getMessage() : error.toString());
    }
  }
}
