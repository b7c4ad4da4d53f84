"""A FAKE of OpenAI's and Anthropic's services for both programs; it notes what each is sent.

Its answers depend on the request alone, so that both programs get the same ones: a call of the
first tool where there are tools, JSON where a schema is asked for, else a text that tells what was
asked.
"""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

__all__ = ["Service", "running"]

ENDPOINTS: Final = ("chat/completions", "responses", "messages", "embeddings")
USAGE: Final = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
TOKENS: Final = {"input_tokens": 10, "output_tokens": 5}
# What says the same as its absence.
SAME_AS_NONE: Final = {"stream": False, "text": {"format": {"type": "text"}}}


class Service:
    """A running service.

    Attributes:
        url: where it is; a program asks below a folder of its own.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._lock = threading.Lock()
        self._requests: list[dict[str, Any]] = []

    def note(self, endpoint: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        """Keep what was sent, in the form in which both programs' requests are compared."""
        noted = {"endpoint": endpoint, "body": _normalise(dict(body))}
        lowered = {name.lower(): value for name, value in headers.items()}
        team = {name: value for name, value in lowered.items() if name.startswith("x-team")}
        if team:
            noted["headers"] = team
        with self._lock:
            self._requests.append(noted)

    def take(self) -> list[dict[str, Any]]:
        """Return what was sent since the last time; as a sorted list, since order is chance."""
        with self._lock:
            taken, self._requests = self._requests, []
        return sorted(taken, key=lambda request: json.dumps(request, sort_keys=True))


def _normalise(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request without the two ways in which APIs let the same be written."""
    kept = {name: value for name, value in body.items() if SAME_AS_NONE.get(name) != value}
    if isinstance(kept.get("system"), list):
        kept["system"] = _join(kept["system"])
    for message in kept.get("messages") or []:
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            message["content"] = _join(message["content"])
    return kept


def _join(blocks: list[Any]) -> Any:
    """Return the text of a single block of text; anything else as it is."""
    if len(blocks) == 1 and isinstance(blocks[0], dict) and blocks[0].keys() == {"type", "text"}:
        return blocks[0]["text"]
    return blocks


def _answer(endpoint: str, body: Mapping[str, Any]) -> dict[str, Any]:
    said, call = _say(body)
    if endpoint == "messages":
        blocks = [call and {"type": "tool_use", "id": "t", **call}] if call else []
        content = blocks or [{"type": "text", "text": said}]
        reason = "tool_use" if call else "end_turn"
        return {
            "id": "m", "type": "message", "role": "assistant", "model": body.get("model"),
            "content": content, "stop_reason": reason, "usage": TOKENS,
        }  # fmt: skip
    if endpoint == "responses":
        part = {"type": "output_text", "text": said, "annotations": []}
        item = {"type": "message", "id": "m", "role": "assistant", "content": [part]}
        return {"id": "r", "status": "completed", "output": [item], "usage": TOKENS}
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if call:
        function = {"name": call["name"], "arguments": json.dumps(call["input"])}
        calls = [{"id": "c", "type": "function", "function": function}]
        # With and without a text beside it.
        text = said if "also" in said else None
        message = {"role": "assistant", "content": text, "tool_calls": calls}
    reason = "tool_calls" if call else "stop"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    return {"id": "c", "model": body.get("model"), "choices": [choice], "usage": USAGE}


def _say(body: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    messages = body.get("messages") or [{"content": body.get("input")}]
    last = messages[-1] if isinstance(messages, list) and messages else {}
    content = last.get("content") if isinstance(last, dict) else last
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    asked = json.dumps(body.get("response_format") or body.get("output_config") or {})
    if "json_schema" in asked:
        return json.dumps({"asked": text, "count": 1.0, "list": [1, 2]}), None
    tools = body.get("tools")
    if tools:
        name = (tools[0].get("function") or tools[0]).get("name", "f")
        return f"I call it, and say this also: {text}" if "also" in text else "", {
            "name": name,
            "input": {"asked": text},
        }
    return f"You asked: {text}", None


@contextmanager
def running() -> Iterator[Service]:
    """Have a service on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            path = self.path.partition("?")[0]
            endpoint = next((name for name in ENDPOINTS if path.endswith(f"/{name}")), path)
            service.note(endpoint, body, dict(self.headers))
            answer = json.dumps(_answer(endpoint, body)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Service(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
