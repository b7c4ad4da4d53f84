"""Images, files and calls of tools in messages: how each service's API writes them.

Nothing is fetched here: an address goes to the service, which fetches it. A part that a service
does not take is refused before anything is sent; none is left out.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from evaluations.engine.errors import RefusedError, SetupError
from evaluations.engine.providers.addresses import Policy
from evaluations.engine.providers.base import Capabilities
from evaluations.engine.providers.replies import read_object
from evaluations.engine.types import Message, Part

__all__ = [
    "check_addresses",
    "check_parts",
    "content_for_anthropic",
    "content_for_openai",
    "message_for_anthropic",
    "message_for_openai",
]

GIVEN_KINDS: Final = {
    "image": ("image", "image_url", "input_image"),
    "file": ("file", "document", "input_file"),
}
URLS: Final = ("url", "image_url", "file_url")
"""Under what services look for an address, where it is no object."""


def check_parts(abilities: Capabilities, messages: Sequence[Message]) -> None:
    """Refuse what a provider does not take.

    Raises:
        RefusedError: a message has an image or a file, and the provider takes none.
    """
    kinds = {part.type for message in messages for part in message.parts}
    for message in messages:
        kinds |= _list_given_kinds(message)
    if "image" in kinds and not abilities.supports_images:
        raise RefusedError("parts.no-images")
    if "file" in kinds and not abilities.supports_files:
        raise RefusedError("parts.no-files")


def _list_given_kinds(message: Message) -> set[str]:
    """Return what stands in a message that is sent as it stands: images, files, or neither."""
    content = None if message.given is None else message.given.get("content")
    kinds: set[str] = set()
    for part in content if isinstance(content, list) else ():
        kind = str(part.get("type")) if isinstance(part, Mapping) else ""
        kinds |= {name for name, words in GIVEN_KINDS.items() if kind in words}
    return kinds


def check_addresses(policy: Policy, messages: Sequence[Message]) -> None:
    """Refuse addresses where requests may not go: a service on our own network would go there.

    Raises:
        RefusedError: an address is not encrypted and public, or may not be asked; says what would
            allow it.
    """
    for message in messages:
        for part in message.parts:
            if part.url and not _is_data(part):
                _check_address(policy, part.url)
        if message.given is not None:
            for url in _find_urls(message.given):
                _check_address(policy, url)


def _find_urls(value: object) -> Iterator[str]:
    """Yield the addresses in a message that is sent as it stands."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if isinstance(inner, str) and name in URLS:
                if not inner.lower().startswith("data:"):
                    yield inner
            else:
                yield from _find_urls(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _find_urls(inner)


def _check_address(policy: Policy, url: str) -> None:
    address = urlsplit(url)
    host = address.hostname or ""
    try:
        policy.check_host(host)
    except SetupError as error:
        # Of one request and no more: other cases name other addresses.
        raise RefusedError(error.sentence) from None
    if address.scheme != "https" and not policy.may_be_unencrypted(host):
        raise RefusedError("parts.unencrypted", host=host)


def _is_data(part: Part) -> bool:
    return part.url[:5].lower() == "data:"


def _split_data(part: Part) -> tuple[str, str]:
    """Return the type and the base64 of a part's data."""
    head, _comma, data = part.url.partition(",")
    return head[len("data:") :].partition(";")[0].lower(), data


def content_for_openai(message: Message) -> str | list[dict[str, object]]:
    """Return a message's content as chat completions take it.

    https://platform.openai.com/docs/api-reference/chat/create

    Raises:
        RefusedError: a file has an address, which that API does not take.
    """
    if not message.parts:
        return message.content
    return [_part_for_openai(part) for part in message.parts]


def _part_for_openai(part: Part) -> dict[str, object]:
    if part.type == "text":
        return {"type": "text", "text": part.text}
    if part.type == "image":
        image = {"url": part.url}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    if not _is_data(part):
        raise RefusedError("parts.file-address")
    return {"type": "file", "file": {"filename": part.name, "file_data": part.url}}


def content_for_anthropic(message: Message) -> str | list[dict[str, object]]:
    """Return a message's content as Anthropic's messages take it.

    https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support. How closely an
    image is looked at cannot be said there.
    """
    if not message.parts:
        return message.content
    return [_part_for_anthropic(part) for part in message.parts if part.type != "text" or part.text]


def _part_for_anthropic(part: Part) -> dict[str, object]:
    if part.type == "text":
        return {"type": "text", "text": part.text}
    if _is_data(part):
        media_type, data = _split_data(part)
        source = {"type": "base64", "media_type": media_type, "data": data}
    else:
        source = {"type": "url", "url": part.url}
    if part.type == "image":
        return {"type": "image", "source": source}
    return {"type": "document", "source": source, "title": part.name}


def message_for_openai(message: Message) -> dict[str, object]:
    """Return a message as OpenAI's chat completions take it, with calls of tools.

    Raises:
        RefusedError: a file has an address, which that API does not take.
    """
    if message.given is not None:
        return dict(message.given)
    body: dict[str, object] = {"role": message.role, "content": content_for_openai(message)}
    if message.tool_calls:
        body["tool_calls"] = list(message.tool_calls)
        body["content"] = body["content"] or None  # an empty text is refused by some services
    if message.tool_call_id:
        body["tool_call_id"] = message.tool_call_id
    return body


def message_for_anthropic(message: Message) -> dict[str, object]:
    """Return a message as Anthropic's messages take it; calls of tools are blocks there.

    https://platform.claude.com/docs/en/agents-and-tools/tool-use/implement-tool-use. What tools
    answer comes from the user there.
    """
    if message.given is not None:
        return dict(message.given)
    role = "assistant" if message.role == "assistant" else "user"
    content = content_for_anthropic(message)
    if message.tool_call_id:
        result = {
            "type": "tool_result",
            "tool_use_id": message.tool_call_id,
            "content": content,
        }
        return {"role": role, "content": [result]}
    if not message.tool_calls:
        return {"role": role, "content": content}
    blocks: list[dict[str, object]] = []
    if isinstance(content, list):
        blocks += content
    elif content:
        blocks.append({"type": "text", "text": content})
    blocks += map(_call_for_anthropic, message.tool_calls)
    return {"role": role, "content": blocks}


def _call_for_anthropic(call: Mapping[str, object]) -> dict[str, object]:
    function = read_object(call.get("function"))
    try:
        arguments = json.loads(str(function.get("arguments") or "{}"))
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        # What the API takes here is an object.
        raise RefusedError("parts.tool-arguments", name=function.get("name"))
    return {
        "type": "tool_use",
        "id": call.get("id"),
        "name": function.get("name"),
        "input": arguments,
    }
