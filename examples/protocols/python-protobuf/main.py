#!/usr/bin/python3
"""A worker that speaks protobuf: four bytes of big-endian length, then a Call or Result of trivet_worker.proto.

trivet_worker_pb2.py comes from `protoc --python_out=. trivet_worker.proto`.
"""
import struct
import sys

from trivet_worker_pb2 import Call, Result


def fibonacci(n):
    """Slow on purpose."""
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


FUNCTIONS = {
    "add": lambda *numbers: sum(numbers),
    "reverse": lambda text: text[::-1],
    "fibonacci": fibonacci,
    "batch_sum": lambda batches: [sum(batch) for batch in batches],
    "echo": lambda value: value,
}


def from_value(value):
    kind = value.WhichOneof("kind")
    if kind is None or kind == "null":
        return None
    if kind == "list":
        return [from_value(item) for item in value.list.items]
    if kind == "map":
        return {key: from_value(member) for key, member in value.map.members.items()}
    return getattr(value, kind)


def fill(value, thing):
    if thing is None:
        value.null = 0
    elif isinstance(thing, bool):
        value.boolean = thing
    elif isinstance(thing, int) and thing >= 2**63:
        value.unsigned = thing
    elif isinstance(thing, int):
        value.integer = thing
    elif isinstance(thing, float):
        value.number = thing
    elif isinstance(thing, str):
        value.text = thing
    elif isinstance(thing, bytes):
        value.binary = thing
    elif isinstance(thing, dict):
        value.map.SetInParent()
        for key, member in thing.items():
            fill(value.map.members[key], member)
    else:
        value.list.SetInParent()
        for item in thing:
            fill(value.list.items.add(), item)


def answer(call):
    reply = Result(id=call.id)
    function = FUNCTIONS.get(call.function)
    if function is None:
        reply.error.code = "NO_SUCH_FUNCTION"
        reply.error.message = f"there is no function {call.function}"
        return reply
    try:
        fill(reply.result, function(*map(from_value, call.args)))
    except Exception as error:
        reply.error.type = type(error).__name__
        reply.error.message = str(error)
    return reply


while head := sys.stdin.buffer.read(4):
    message = answer(Call.FromString(sys.stdin.buffer.read(*struct.unpack(">I", head)))).SerializeToString()
    sys.stdout.buffer.write(struct.pack(">I", len(message)) + message)
    sys.stdout.buffer.flush()
