using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Trivet;

internal enum Kind : byte
{
    Load = 1, Call, Chunk, Cancel, Ping, Answer, Drain = 8, Credit,
    Hello = 65, Ready, Reply, Error, Log, Pong, Ask,
}

/// <summary>A frame of docs/formats/frame.md. Its bytes are its own.</summary>
internal readonly record struct Frame(Kind Kind, bool More, uint Call, ReadOnlyMemory<byte> Meta, ReadOnlyMemory<byte> Body);

/// <summary>
/// The two pipes: blocking reads by one thread at a time, writes by any. The system calls are made directly: a stream of .NET's
/// costs some microseconds more, and descriptors 3 and 4 are nobody else's.
/// </summary>
internal sealed unsafe class Pipes
{
    private const int In = 3, Out = 4, HeaderSize = 16, BufferSize = 64 << 10, Interrupted = 4;
    public const int MetaMost = 1 << 20;

    private readonly byte[] incoming = new byte[BufferSize];
    private readonly byte[] outgoing = GC.AllocateUninitializedArray<byte>(BufferSize, pinned: true);
    private readonly object writing = new();
    private int begin, end;

    /// <summary>Frames are swallowed: nobody hears of a rehearsal.</summary>
    public bool Mute;

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    private static extern nint ReadDescriptor(int descriptor, byte* room, nint size);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint WriteDescriptor(int descriptor, byte* bytes, nint size);

    [DllImport("libc", EntryPoint = "fcntl")]
    private static extern int SetFlags(int descriptor, int command, int flags);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int CloseDescriptor(int descriptor);

    [DllImport("libc", EntryPoint = "_exit")]
    private static extern void ExitNow(int code);

    /// <summary>Processes that user code starts cannot hold the pipes.</summary>
    public static void CloseOnExec()
    {
        foreach (int descriptor in new[] { In, Out }) SetFlags(descriptor, 2, 1); // F_SETFD, FD_CLOEXEC
    }

    /// <summary>After this the process speaks frames no more.</summary>
    public static void Close()
    {
        CloseDescriptor(In);
        CloseDescriptor(Out);
    }

    /// <summary>The next frame; false at the end of the pipe.</summary>
    public bool Read(out Frame frame)
    {
        frame = default;
        if (!Need(HeaderSize)) return false;
        var head = incoming.AsSpan(begin, HeaderSize);
        int length = BinaryPrimitives.ReadInt32BigEndian(head) + 4 - HeaderSize;
        int meta = BinaryPrimitives.ReadInt32BigEndian(head[12..]);
        var kind = (Kind)head[4];
        bool more = (head[5] & 1) != 0;
        uint call = BinaryPrimitives.ReadUInt32BigEndian(head[8..]);
        begin += HeaderSize;

        // What is in the buffer, then the rest straight from the pipe.
        byte[] bytes = GC.AllocateUninitializedArray<byte>(length);
        int have = Math.Min(length, end - begin);
        if (have < length && length < BufferSize)
        {
            if (!Need(length)) return false;
            have = length;
        }
        Buffer.BlockCopy(incoming, begin, bytes, 0, have);
        begin += have;
        while (have < length)
        {
            int got = ReadSome(bytes, have, length - have);
            if (got <= 0) return false;
            have += got;
        }
        frame = new Frame(kind, more, call, bytes.AsMemory(0, meta), bytes.AsMemory(meta));
        return true;
    }

    /// <summary>Makes sure that so many unread bytes are in the buffer.</summary>
    private bool Need(int size)
    {
        if (begin == end) begin = end = 0;
        if (begin + size > BufferSize)
        {
            Buffer.BlockCopy(incoming, begin, incoming, 0, end - begin);
            end -= begin;
            begin = 0;
        }
        while (end - begin < size)
        {
            int got = ReadSome(incoming, end, BufferSize - end);
            if (got <= 0) return false;
            end += got;
        }
        return true;
    }

    private static int ReadSome(byte[] room, int at, int size)
    {
        fixed (byte* start = room)
        {
            for (;;)
            {
                nint got = ReadDescriptor(In, start + at, size);
                if (got >= 0 || Marshal.GetLastPInvokeError() != Interrupted) return (int)got;
            }
        }
    }

    /// <summary>A frame that fits the buffer is one write; others are written in parts.</summary>
    public void Write(Kind kind, uint call, ReadOnlySpan<byte> meta = default, ReadOnlySpan<byte> body = default, bool more = false)
    {
        if (Mute) return;
        lock (writing)
        {
            var head = outgoing.AsSpan(0, HeaderSize);
            head.Clear();
            BinaryPrimitives.WriteInt32BigEndian(head, HeaderSize - 4 + meta.Length + body.Length);
            head[4] = (byte)kind;
            head[5] = more ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteUInt32BigEndian(head[8..], call);
            BinaryPrimitives.WriteInt32BigEndian(head[12..], meta.Length);
            if (HeaderSize + meta.Length + body.Length <= BufferSize)
            {
                meta.CopyTo(outgoing.AsSpan(HeaderSize));
                body.CopyTo(outgoing.AsSpan(HeaderSize + meta.Length));
                WriteAll(outgoing.AsSpan(0, HeaderSize + meta.Length + body.Length));
                return;
            }
            WriteAll(head);
            WriteAll(meta);
            WriteAll(body);
        }
    }

    private static void WriteAll(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes)
        {
            for (int at = 0; at < bytes.Length;)
            {
                nint put = WriteDescriptor(Out, start + at, bytes.Length - at);
                if (put >= 0) at += (int)put;
                else if (Marshal.GetLastPInvokeError() != Interrupted) ExitNow(1); // the host is gone
            }
        }
    }
}
