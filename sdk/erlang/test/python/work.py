import os
import time

notes = []


def echo(value):
    return value


def process_user(user):
    return {**user, "name": user["name"].upper(), "email": user["email"].lower(), "processed": True}


def sleep(ms, value=None):
    time.sleep(ms / 1000)
    return value


def pid():
    return os.getpid()


def fail(message):
    raise ValueError(message)


def crash():
    os._exit(3)


def variable(name):
    return os.environ.get(name)


def mark(path, text):
    with open(path, "a") as file:
        file.write(text)


def marks(path):
    with open(path) as file:
        return file.read()


def say(text):
    print(text)


def numbers(n):
    yield from range(n)


async def later(value):
    return value
