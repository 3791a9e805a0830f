"""A hostile function: does what `attack` says by the means of this language, and answers what came of it."""
import os
import signal
import socket
import subprocess
import threading

kept = []


def read(path):
    with open(path, "rb") as file:
        file.read(1)


def write(path):
    with open(path, "ab"):
        pass


def tcp(address):
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=1).close()


def spawn(arguments):
    done = subprocess.run(arguments, capture_output=True, text=True)
    return done.stdout + done.stderr


def environment(_):
    return "\n".join(f"{k}={v}" for k, v in os.environ.items())


def tasks(count):
    end = threading.Event()
    started = []
    try:
        for _ in range(int(count)):
            thread = threading.Thread(target=end.wait)
            thread.start()
            started.append(thread)
    finally:
        end.set()
        for thread in started:
            thread.join()


def memory(mib):
    kept.extend(bytearray(b"x" * (1 << 20)) for _ in range(int(mib)))
    kept.clear()


def output(lines):
    for _ in range(int(lines)):
        print("x" * 999)


def reply(mib):
    return "x" * (int(mib) << 20)


def spin(_):
    while True:
        pass


def deaf(_):
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    spin(_)


def stream():
    while True:
        yield "x" * 65536


ATTACKS = {"read": read, "write": write, "tcp": tcp, "kill": lambda pid: os.kill(int(pid), 0), "spawn": spawn, "environment": environment,
           "tasks": tasks, "memory": memory, "print": output, "reply": reply, "spin": spin,
           "deaf": deaf}


def handler(input, ctx):
    if input["attack"] == "stream":
        return stream()
    try:
        return {"outcome": "allowed", "detail": ATTACKS[input["attack"]](input.get("arguments") or input.get("argument", ""))}
    except (OSError, MemoryError, RuntimeError) as error:
        return {"outcome": f"{type(error).__name__}: {error}"}
