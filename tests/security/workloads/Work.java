import java.io.*;
import java.net.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;

public class Work {
    public static void main(String[] args) throws Exception {
        Path folder = Files.createTempDirectory("work");
        Path file = folder.resolve("file");
        Files.write(file, new byte[10000]);
        Files.copy(file, folder.resolve("file2"));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.lock().release();
            channel.map(FileChannel.MapMode.READ_WRITE, 0, 100).force();
        }
        for (SocketAddress where : List.of(new InetSocketAddress("127.0.0.1", 0), UnixDomainSocketAddress.of(folder.resolve("s")))) {
            boolean isUnix = where instanceof UnixDomainSocketAddress;
            try (ServerSocketChannel server = isUnix ? ServerSocketChannel.open(StandardProtocolFamily.UNIX) : ServerSocketChannel.open()) {
                server.bind(where);
                try (SocketChannel client = SocketChannel.open(server.getLocalAddress()); SocketChannel accepted = server.accept()) {
                    accepted.write(java.nio.ByteBuffer.wrap("hello".getBytes()));
                    if (client.read(java.nio.ByteBuffer.allocate(5)) < 1) throw new IOException("echo");
                }
            }
        }
        ExecutorService threads = Executors.newFixedThreadPool(8);
        Future<Integer> sum = threads.submit(() -> IntStream.range(0, 1000000).parallel().map(i -> i % 7).sum());
        if (sum.get() < 1) throw new IOException("sum");
        threads.shutdown();
        Process child = new ProcessBuilder("/bin/sh", "-c", "echo out | cat").start();
        if (!new String(child.getInputStream().readAllBytes()).equals("out\n") || child.waitFor() != 0) throw new IOException("child");
        InetAddress.getByName("localhost");
        new java.security.SecureRandom().nextBytes(new byte[16]);
        if (List.of(args).contains("--interfaces") && !NetworkInterface.getNetworkInterfaces().hasMoreElements()) throw new IOException("interfaces");
        for (String name : List.of("s", "file", "file2", ".")) Files.deleteIfExists(folder.resolve(name).normalize());
        System.out.println("fine");
    }
}
