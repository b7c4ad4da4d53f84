"""Streamed answers: each event becomes a piece, and all of them the reply in one piece.

So an answer is read in one place, however it came.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from core.json import JSONObject
from evaluations.engine.errors import BrokenAnswerError
from evaluations.engine.numbers import stringify
from evaluations.engine.providers.replies import (
    extract_text,
    read_count,
    read_object,
    read_objects,
)
from evaluations.engine.types import Answer, Delta

__all__ = ["StreamedAnswer", "StreamedMessage", "as_delta", "has_own_text", "list_tool_calls"]

MOST_BLOCKS: Final = 1024  # calls of tools, or blocks of an answer


def list_tool_calls(answer: Answer) -> list[dict[str, Any]]:
    """Return the calls of tools of an answer in OpenAI's form, whoever answered."""
    calls: list[dict[str, Any]] = []
    for call in read_objects(answer.data):
        if call.get("type") != "tool_use":
            calls.append({"type": "function", **call})
            continue
        arguments = call.get("input") or {}
        if not isinstance(arguments, str):  # a text is one that was cut
            arguments = json.dumps(arguments, ensure_ascii=False)
        function = {"name": call.get("name"), "arguments": arguments}
        calls.append({"id": call.get("id"), "type": "function", "function": function})
    return calls


def has_own_text(answer: Answer) -> bool:
    """Whether an answer has a text beside its calls of tools, whose JSON stands there else."""
    return not answer.data or answer.text != stringify(answer.data)


def as_delta(answer: Answer) -> Delta:
    """Return an answer that came in one piece as a piece."""
    calls = []
    for index, call in enumerate(list_tool_calls(answer)):
        calls.append({"index": index, **call})
    text = answer.text if has_own_text(answer) else ""
    if answer.refused:
        return Delta(refusal=text)
    return Delta(text=text, tool_calls=tuple(calls))


class StreamedAnswer:
    """Chunks of OpenAI's chat completions.

    https://platform.openai.com/docs/api-reference/chat-streaming
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self.whole: JSONObject | None = None
        """The reply, where it came in one piece."""
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._choice: dict[str, object] = {}
        self._rest: dict[str, object] = {}

    def add(self, event: JSONObject) -> Iterator[Delta]:
        """Yield what a chunk adds to the answer.

        Raises:
            BrokenAnswerError: it calls more tools than there can be.
        """
        for name in ("usage", "prompt_filter_results"):
            if event.get(name):
                self._rest[name] = event[name]
        choices = read_objects(event.get("choices"))
        if "message" in event or (choices and "message" in choices[0]):
            # A service that knows no streams has answered in one piece.
            self.whole = event
            return
        for choice in choices[:1]:
            for name in ("finish_reason", "content_filter_results", "error"):
                if choice.get(name):
                    self._choice[name] = choice[name]
            delta = self._read_delta(read_object(choice.get("delta")))
            if delta != Delta():
                yield delta

    def _read_delta(self, fields: Mapping[str, object]) -> Delta:
        text = extract_text(fields.get("content"))
        for part in read_objects(fields.get("content")):  # as Mistral's reasoning models answer
            text += extract_text(part.get("text"))
        refusal = extract_text(fields.get("refusal"))
        self._texts.append(text)
        self._refusals.append(refusal)
        calls = tuple(map(self._add_call, read_objects(fields.get("tool_calls"))))
        return Delta(text=text, refusal=refusal, tool_calls=calls)

    def _add_call(self, fields: Mapping[str, object]) -> dict[str, object]:
        index = read_count(fields.get("index")) or 0
        if index >= MOST_BLOCKS:
            raise BrokenAnswerError("http.cut", name=self._name)
        function = read_object(fields.get("function"))
        name, arguments = (extract_text(function.get(key)) for key in ("name", "arguments"))
        call = self._calls.setdefault(
            index, {"id": "", "type": "function", "function": {"name": "", "arguments": []}}
        )
        piece: dict[str, object] = {"index": index, "function": {"arguments": arguments}}
        if fields.get("id") and not call["id"]:
            call["id"] = piece["id"] = extract_text(fields["id"])
            piece["type"] = "function"
        if name:
            call["function"]["name"] += name
            piece["function"] = {"name": name, "arguments": arguments}
        call["function"]["arguments"].append(arguments)
        return piece

    def build_reply(self) -> JSONObject:
        """Return the reply that the service would have sent in one piece.

        Raises:
            BrokenAnswerError: it ended without saying why.
        """
        if self.whole is not None:
            return self.whole
        if "finish_reason" not in self._choice:
            raise BrokenAnswerError("http.cut", name=self._name)
        message: dict[str, object] = {"content": "".join(self._texts) or None}
        if any(self._refusals):
            message["refusal"] = "".join(self._refusals)
        calls = []
        for _index, call in sorted(self._calls.items()):
            function = call["function"]
            whole = {"name": function["name"], "arguments": "".join(function["arguments"])}
            calls.append(call | {"function": whole})
        if calls:
            message["tool_calls"] = calls
        return {"choices": [{"message": message, **self._choice}], **self._rest}


class StreamedMessage:
    """Events of Anthropic's messages: https://platform.claude.com/docs/en/build-with-claude/streaming.

    Args:
        name: of the service, in messages.
        structured: whether the input of the tool is the answer's text.
    """

    def __init__(self, name: str, *, structured: bool) -> None:
        self._name = name
        self._structured = structured
        self.whole: JSONObject | None = None
        """The reply, where it came in one piece."""
        self._blocks: dict[int, dict[str, object]] = {}
        self._pieces: dict[int, list[str]] = {}
        self._numbers: dict[int, int] = {}
        self._usage: dict[str, object] = {}
        self._reason: object = None

    def add(self, event: JSONObject) -> Delta | None:
        """Return what an event adds to the answer, None where it adds nothing.

        Raises:
            BrokenAnswerError: it has more blocks than there can be.
        """
        kind = event.get("type")
        if "content" in event:
            self.whole = event
        elif kind == "message_start":
            self._usage |= read_object(read_object(event.get("message")).get("usage"))
        elif kind == "message_delta":
            self._usage |= read_object(event.get("usage"))
            self._reason = read_object(event.get("delta")).get("stop_reason") or self._reason
        elif kind == "content_block_start":
            return self._start(self._index(event), read_object(event.get("content_block")))
        elif kind == "content_block_delta":
            return self._extend(self._index(event), read_object(event.get("delta")))
        return None

    def _index(self, event: JSONObject) -> int:
        index = read_count(event.get("index")) or 0
        if index >= MOST_BLOCKS:
            raise BrokenAnswerError("http.cut", name=self._name)
        return index

    def _start(self, index: int, block: Mapping[str, object]) -> Delta | None:
        self._blocks[index] = dict(block)
        self._pieces[index] = [extract_text(block.get("text"))]
        if block.get("type") != "tool_use" or self._structured:
            return None
        number = self._numbers.setdefault(index, len(self._numbers))
        function = {"name": block.get("name"), "arguments": ""}
        call = {"index": number, "id": block.get("id"), "type": "function", "function": function}
        return Delta(tool_calls=(call,))

    def _extend(self, index: int, delta: Mapping[str, object]) -> Delta | None:
        text = extract_text(delta.get("text"))
        inputs = extract_text(delta.get("partial_json"))
        self._pieces.setdefault(index, []).append(text or inputs)
        if text or (inputs and self._structured):
            return Delta(text=text or inputs)
        if not inputs or index not in self._numbers:
            return None  # thoughts and their signatures
        call = {"index": self._numbers[index], "function": {"arguments": inputs}}
        return Delta(tool_calls=(call,))

    def build_reply(self) -> JSONObject:
        """Return the reply that the service would have sent in one piece.

        Raises:
            BrokenAnswerError: it ended without saying why, or a tool's input is no JSON.
        """
        if self.whole is not None:
            return self.whole
        if self._reason is None:
            raise BrokenAnswerError("http.cut", name=self._name)
        content = []
        for index, block in sorted(self._blocks.items()):
            text = "".join(self._pieces[index])
            if block.get("type") == "text":
                content.append(block | {"text": text})
            elif block.get("type") == "tool_use":
                content.append(block | {"input": self._read_input(text)})
            else:
                content.append(block)
        return {"content": content, "stop_reason": self._reason, "usage": self._usage}

    def _read_input(self, text: str) -> object:
        try:
            return json.loads(text or "{}")
        except (ValueError, RecursionError):
            # Cut where the answer had no tokens left: the text says so as it stands.
            return text
