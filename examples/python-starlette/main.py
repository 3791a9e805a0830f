"""A small Starlette application as a function: a room to chat in. Readers hold a stream of events open, so many calls are in flight in one worker.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    trivet serve .            # then curl -N http://127.0.0.1:7000/function/python-starlette/rooms/tea
"""
import asyncio
import contextlib
import json

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route


class Rooms:
    def __init__(self):
        self.readers, self.said = {}, 0

    def say(self, room, message):
        self.said += 1
        for queue in self.readers.get(room, ()):
            queue.put_nowait(message)
        return len(self.readers.get(room, ()))

    async def listen(self, room):
        queue = asyncio.Queue()
        self.readers.setdefault(room, set()).add(queue)
        try:
            yield ": welcome\n\n"
            while (message := await queue.get()) is not None:
                yield f"data: {json.dumps(message)}\n\n"
        finally:
            self.readers[room].discard(queue)


@contextlib.asynccontextmanager
async def lifespan(app):
    print("the rooms are open", flush=True)
    yield {"rooms": Rooms()}
    print("the rooms are closed", flush=True)


async def listen(request):
    return StreamingResponse(request.state.rooms.listen(request.path_params["room"]), media_type="text/event-stream")


async def say(request):
    message = await request.json()
    if not message.get("text"):
        raise HTTPException(422, "a message has a text")
    heard = request.state.rooms.say(request.path_params["room"], message)
    log = request.scope["trivet"].log
    return JSONResponse({"heard": heard}, 201, background=BackgroundTask(log.info, "said", {"text": message["text"]}))


async def close(request):
    request.state.rooms.say(request.path_params["room"], None)
    return JSONResponse({"said": request.state.rooms.said})


async def size(request):
    """An upload that is counted as it comes."""
    total = 0
    async for piece in request.stream():
        total += len(piece)
    return JSONResponse({"bytes": total})


app = Starlette(lifespan=lifespan, routes=[
    Route("/rooms/{room}", listen),
    Route("/rooms/{room}", say, methods=["POST"]),
    Route("/rooms/{room}", close, methods=["DELETE"]),
    Route("/size", size, methods=["PUT"]),
])
