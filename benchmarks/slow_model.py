"""A FAKE of a model behind OpenAI's API that takes a fixed time: `slow_model.py SECONDS`.

One event loop, so that it is no bottleneck at 32 calls at a time. Prints its address.
"""

import asyncio
import sys
from typing import Any

from aiohttp import web


async def serve(seconds: float) -> None:
    """Answer each request after so many seconds, until the process is ended."""

    async def answer(request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        await asyncio.sleep(seconds)
        message = {"role": "assistant", "content": asked["messages"][-1]["content"]}
        usage = {"prompt_tokens": 1, "completion_tokens": 1}
        choice = {"message": message, "finish_reason": "stop"}
        return web.json_response({"choices": [choice], "usage": usage})

    application = web.Application()
    application.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}/v1", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
