using System.Diagnostics;
using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

var folder = Directory.CreateTempSubdirectory("work");
var file = Path.Combine(folder.FullName, "file");
File.WriteAllBytes(file, new byte[10000]);
File.Copy(file, file + "2");
if (new FileInfo(file + "2").Length != 10000) throw new Exception("copy");
foreach (var where in new EndPoint[] { new IPEndPoint(IPAddress.Loopback, 0), new UnixDomainSocketEndPoint(file + ".s") })
{
    using var server = new Socket(where.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
    server.Bind(where);
    server.Listen();
    using var client = new Socket(where.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
    await client.ConnectAsync(server.LocalEndPoint!);
    using var accepted = await server.AcceptAsync();
    await accepted.SendAsync(Encoding.ASCII.GetBytes("hello"));
    if (await client.ReceiveAsync(new byte[5]) < 1) throw new Exception("echo");
}
var sum = 0;
Parallel.For(0, 1000, number => Interlocked.Add(ref sum, number % 7));
GC.Collect();
using var child = Process.Start(new ProcessStartInfo("/bin/sh", new[] { "-c", "echo out | cat" }) { RedirectStandardOutput = true })!;
if (child.StandardOutput.ReadToEnd() != "out\n") throw new Exception("child");
child.WaitForExit();
await Dns.GetHostAddressesAsync("localhost");
RandomNumberGenerator.GetBytes(16);
if (args.Contains("--interfaces") && NetworkInterface.GetAllNetworkInterfaces().Length == 0) throw new Exception("interfaces");
folder.Delete(true);
Console.WriteLine("fine");
