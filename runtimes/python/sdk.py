"""ctx.sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md).

Calls run one at a time in a worker, so whoever waits for an ANSWER is the one that reads frames: call() reads them itself, call_async()
lets the event loop that its coroutine runs on read them.
"""
import _thread
import json
import sys

from frames import ANSWER, ASK, CANCEL, FD_IN, META_MAX, Failure, encode, meta_of

MAIN = _thread.get_ident()


class CallError(Exception):
    """A call of another function failed: code, message, function, details (all that is known about it), status and body of a refusal."""

    def __init__(self, error, body=b""):
        loops = error["code"] == "LOOP_DETECTED"  # told as it is by each that it passes through
        super().__init__(error["message"] if loops else "%s: %s: %s" % (error["function"], error["code"], error["message"]))
        self.code, self.message, self.function = error["code"], error["message"], error["function"]
        self.status, self.details, self.body = error.get("status"), error, body


class Asks:
    """What a worker has asked its host for."""

    def __init__(self, worker):
        self.worker, self.frames = worker, worker.frames
        self.number = 0  # of the last ask
        self.current, self.cancelled = 0, 0  # the last call that began, that was cancelled
        self.answers, self.futures = {}, {}  # by number: what came for those that block, and who awaits

    def send(self, call, function, value, timeout):
        if _thread.get_ident() != MAIN:
            raise RuntimeError("ctx.sdk.call belongs to the thread that the handler runs on; for several calls at once await ctx.sdk.call_async")
        body = encode(value).encode()
        wish = {"ask": self.number + 1, "service": "call", "function": str(function)}
        if timeout is not None:
            wish["timeout_ms"] = max(0, round(timeout * 1000))
        meta = meta_of(wish)
        if call != self.current:
            raise CallError({"code": "CANCELLED", "message": "the call has ended", "function": function})
        if call == self.cancelled:
            raise Failure("CANCELLED", "the call was cancelled")
        if 12 + len(meta) + len(body) > self.worker.most or len(meta) > META_MAX:
            raise CallError({"code": "PAYLOAD_TOO_LARGE", "function": function,
                             "message": "the input has %d bytes, more than limits.payload of its caller allows" % len(body)})
        sys.stdout.flush()
        self.number += 1
        self.answers[self.number] = None
        self.frames.write(ASK, call, meta, body)
        return self.number

    def wait(self, number):
        try:
            while self.answers[number] is None:
                if self.cancelled == self.current:
                    raise Failure("CANCELLED", "the call was cancelled")
                self.take(self.frames.read())
            return value_of(*self.answers[number])
        finally:
            del self.answers[number]

    def take(self, frame):
        if frame is None:
            sys.exit(0)
        kind, flags, call, meta, body = frame
        if kind == ANSWER:
            self.answered(meta, body)
        elif kind == CANCEL:
            if call == self.current:
                self.cancelled = call
                self.drop("the call was cancelled")
        else:
            self.worker.between(kind, call, meta, body, flags)

    def answered(self, meta, body):
        answer = json.loads(meta)
        number = answer["ask"]
        if number in self.futures:
            self.settle(self.futures.pop(number), answer, body)
            if not self.futures:
                self.worker.loop.remove_reader(FD_IN)
        elif number in self.answers:  # else its call has ended
            self.answers[number] = answer, body

    @staticmethod
    def settle(future, answer, body):
        if future.done():
            return
        try:
            future.set_result(value_of(answer, body))
        except Exception as error:
            future.set_exception(error)

    def drop(self, why):
        if self.futures:
            self.worker.loop.remove_reader(FD_IN)
        for future in self.futures.values():
            if not future.done():
                future.set_exception(Failure("CANCELLED", why))
                future.exception()  # whoever does not await it is not told
        self.futures.clear()

    async def await_(self, number):
        loop = self.worker.event_loop()
        future = loop.create_future()
        del self.answers[number]
        self.futures[number] = future
        if len(self.futures) == 1:
            loop.add_reader(FD_IN, self.read_ready)
        if self.frames.buffer:
            loop.call_soon(self.read_held)
        try:
            return await future
        finally:
            self.futures.pop(number, None)

    def read_ready(self):
        self.take(self.frames.read())
        self.read_held()

    def read_held(self):
        """Frames that came with another one: nothing will say that they are there."""
        while self.frames.holds_one():
            self.take(self.frames.read())


class Sdk:
    __slots__ = ("_asks", "_call")
    Error = CallError

    def __init__(self, asks, call):
        self._asks, self._call = asks, call

    def call(self, function, value=None, timeout=None):
        """What `function` returns for `value`. Blocks; `timeout` is in seconds. sdk.Error says why it failed."""
        return self._asks.wait(self._asks.send(self._call, function, value, timeout))

    async def call_async(self, function, value=None, timeout=None):
        """The same for coroutines: several may be awaited at once."""
        return await self._asks.await_(self._asks.send(self._call, function, value, timeout))


def value_of(answer, body):
    if not answer["ok"]:
        raise CallError(answer["error"], body)
    kind = answer.get("type", "application/json").lower()
    if kind.startswith("application/json"):
        return json.loads(body) if body else None
    if kind.startswith("application/x-ndjson"):
        return [json.loads(line) for line in body.splitlines() if line]
    return body.decode("utf-8", "replace") if kind.startswith("text/") else body
