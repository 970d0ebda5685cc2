"""Python's websockets, on uvloop where that is installed: an echo."""

import asyncio
import sys

sys.path.pop(0)  # this file has the library's name
import websockets.server  # noqa: E402

try:
    import uvloop
    uvloop.install()
except ImportError:
    pass


async def echo(socket):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.exceptions.ConnectionClosed:
        pass


async def main():
    deflate = "deflate" if "--deflate" in sys.argv else None
    async with websockets.server.serve(echo, "127.0.0.1", 0, compression=deflate, max_size=1 << 27, backlog=4096,
                                       ping_interval=None) as server:
        print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.Future()


asyncio.run(main())
