"""The floor: packets of JSON arguments on stdin, the function's value on stdout."""
import json
import os
import struct

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def echo(value):
    return value


while True:
    data = os.read(0, 65536)
    if not data:
        break
    value = encode(echo(*json.loads(data[4:]))).encode()
    os.write(1, struct.pack(">I", len(value)) + value)
