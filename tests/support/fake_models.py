"""A FAKE of OpenAI's and Anthropic's services, over real HTTP on loopback, that counts.

It answers each request by the next step of a script: a status with headers and a body, a delay, a
cut. Run as a program it prints its address and counts how often each prompt was asked (GET /count).
"""

import argparse
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Step:
    """What happens to one request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # None: a good answer; a text or bytes as they are; else JSON
    delay_seconds: float = 0.0
    cut: bool = False
    events: list[Any] | None = None  # of a stream: bytes as they are; else JSON
    pause_seconds: float = 0.0  # before each event


class FakeModels:
    """The server; `script` is used up from its front, then every answer is good."""

    def __init__(
        self,
        *steps: Step,
        answer: str | Callable[[dict[str, Any]], str] = "",
        delay_seconds: float = 0.0,
    ) -> None:
        self.script = list(steps)
        self.answer = answer
        self.vectors: dict[str, list[float]] = {}
        self.delay_seconds = delay_seconds
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.counts: Counter[str] = Counter()
        self.gone = threading.Event()  # a client has gone while an answer was streamed to it
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_args: Any) -> None:
                pass

            def do_GET(self) -> None:
                self._send(200, {}, json.dumps(fake.counts).encode())

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                fake.serve(self, json.loads(raw))

            def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_args: Any) -> None:
                pass  # clients that are killed cut their connections

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def serve(self, handler: Any, body: dict[str, Any]) -> None:
        prompt = body["messages"][-1]["content"] if "messages" in body else str(body["input"])
        if isinstance(prompt, list):  # parts
            prompt = "".join(part.get("text", "") for part in prompt)
        with self.lock:
            self.requests.append((handler.path, dict(handler.headers), body))
            self.counts[prompt] += 1
            step = self.script.pop(0) if self.script else Step()
        time.sleep(step.delay_seconds or self.delay_seconds)
        content = step.body
        is_streamed = body.get("stream") and content is None and step.status == 200
        if step.events is not None or is_streamed:
            events = step.events
            if events is None:
                answer = self.answer(body) if callable(self.answer) else self.answer
                events = self._stream(handler.path, answer or f"answer to {prompt}")
            self._send_events(handler, step, events)
            return
        if content is None:
            answer = self.answer(body) if callable(self.answer) else self.answer
            content = self._good(handler.path, answer or f"answer to {prompt}", body)
        if isinstance(content, str):
            content = content.encode()
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        try:
            if step.cut:
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(raw)))
                handler.end_headers()
                handler.wfile.write(raw[: len(raw) // 2])
                handler.wfile.flush()
                handler.close_connection = True
                return
            handler._send(step.status, step.headers, raw)
        except OSError:
            pass  # the client has gone

    def _good(self, path: str, text: str, body: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("/embeddings"):
            vectors = [self.vectors.get(one, [1.0, 0.0]) for one in body["input"]]
            return {"data": [{"index": n, "embedding": one} for n, one in enumerate(vectors)]}
        if path.endswith("/messages"):
            return {
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 10, "output_tokens": 5},
            }
        return {
            "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5},
        }

    def _stream(self, path: str, text: str) -> list[Any]:
        words = [f"{word} " for word in text.split(" ")]
        words[-1] = words[-1][:-1]
        if path.endswith("/messages"):
            usage = {"input_tokens": 10, "output_tokens": 1}
            block = {"type": "text", "text": ""}
            return [
                {"type": "message_start", "message": {"usage": usage}},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {"type": "ping"},
                *(
                    {
                        "type": "content_block_delta",
                        "index": 0,
                        "delta": {"type": "text_delta", "text": word},
                    }
                    for word in words
                ),
                {"type": "content_block_stop", "index": 0},
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn"},
                    "usage": {"output_tokens": 5},
                },
                {"type": "message_stop"},
            ]
        return [
            {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
            *({"choices": [{"delta": {"content": word}}]} for word in words),
            {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}},
            b"data: [DONE]\n\n",
        ]

    def _send_events(self, handler: Any, step: Step, events: list[Any]) -> None:
        try:
            handler.send_response(step.status)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for event in events:
                time.sleep(step.pause_seconds)
                raw = event
                if not isinstance(event, bytes):
                    name = f"event: {event['type']}\r\n" if "type" in event else ""
                    raw = f"{name}data: {json.dumps(event)}\r\n\r\n".encode()
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
                handler.wfile.flush()
            if step.cut:
                handler.close_connection = True
                return
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.gone.set()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=float, default=20)
    fake = FakeModels(delay_seconds=parser.parse_args().delay_ms / 1000)
    print(fake.url, flush=True)  # noqa: T201 (how a program tells its address)
    threading.Event().wait()


if __name__ == "__main__":
    main()
