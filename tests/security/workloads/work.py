import asyncio
import ctypes
import fcntl
import mmap
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading


def square(number):
    return number * number


async def echoed(path):
    async def serve(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
    for start, connect in (((asyncio.start_server, "127.0.0.1", 0), None), ((asyncio.start_unix_server, path), path)):
        server = await start[0](serve, *start[1:])
        where = server.sockets[0].getsockname()
        reader, writer = await (asyncio.open_unix_connection(where) if connect else asyncio.open_connection(*where))
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        server.close()
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", "cat", stdin=-1, stdout=-1)
    assert (await process.communicate(b"in"))[0] == b"in"


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file")
        with open(path, "w+b") as file:
            file.write(b"x" * 10000)
            fcntl.flock(file, fcntl.LOCK_EX)
            os.fsync(file.fileno())
            with mmap.mmap(file.fileno(), 0) as memory:
                assert memory[5:6] == b"x"
        os.utime(path, (1, 1))
        shutil.copytree(folder, folder + "/copy")
        asyncio.run(echoed(path + ".sock"))
        database = sqlite3.connect(path + ".db")
        database.execute("create table t(x)")
        database.commit()
    child = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], {}, resetids=True)  # as GNU make does
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    threads = [threading.Thread(target=square, args=(i,)) for i in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    try:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    except OSError as error:  # no /dev/shm
        assert "semaphore" in str(error) or "shm" in str(error), error
    assert subprocess.run(["/bin/sh", "-c", "echo out | cat"], capture_output=True, text=True).stdout == "out\n"
    assert socket.getaddrinfo("localhost", 80)
    ssl.create_default_context()
    secrets.token_bytes(16)
    signal.setitimer(signal.ITIMER_REAL, 10)
    ctypes.CDLL(None).getpid()
    if "--numbers" in sys.argv:
        import numpy
        assert numpy.linalg.svd(numpy.ones((300, 300)))[1][0] > 299
    if "--interfaces" in sys.argv:
        assert socket.if_nameindex()


main()
print("fine")
