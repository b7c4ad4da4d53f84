"""JSON-RPC as MCP uses it: one message in, at most one out; nothing is remembered in between."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from autoforge import __version__
from autoforge.api.mcp import prompts, tools
from core.access.callers import Caller
from core.api.problems import problem_of

__all__ = ["MODERN", "Reply", "RpcError", "answer", "refuse"]

MODERN: Final = "2026-07-28"
HANDSHAKES: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
VERSION_KEY: Final = "io.modelcontextprotocol/protocolVersion"

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022
# Of the revision of 2026; before it every answer of the protocol was a 200.
STATUSES: Final = {
    PARSE_ERROR: HTTPStatus.BAD_REQUEST,
    INVALID_REQUEST: HTTPStatus.BAD_REQUEST,
    INVALID_PARAMS: HTTPStatus.BAD_REQUEST,
    HEADER_MISMATCH: HTTPStatus.BAD_REQUEST,
    UNSUPPORTED_VERSION: HTTPStatus.BAD_REQUEST,
    METHOD_NOT_FOUND: HTTPStatus.NOT_FOUND,
}
CAPABILITIES: Final[dict[str, object]] = {"prompts": {}, "tools": {}}
SERVER: Final = {"name": "autoforge", "title": "AutoForge", "version": __version__}
INSTRUCTIONS: Final = (
    "AutoForge holds a team's prompts in versions with labels. Prompts are offered as they are "
    "labelled production, else in their newest version; the tools search, render and compare them."
)
Params = Mapping[str, Any]


class RpcError(Exception):
    """What a request is answered with instead of a result.

    Attributes:
        code: of JSON-RPC or of MCP.
        data: more for programs.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What goes back for one message."""

    body: bytes | None
    """One JSON-RPC message; None for a notification, which gets none."""
    status: HTTPStatus = HTTPStatus.OK
    """Over HTTP."""


def answer(message: bytes, caller: Caller, headers: Mapping[str, str] | None = None) -> Reply:
    """Return what a message is answered with.

    Args:
        message: one JSON-RPC request or notification.
        caller: by whose rights it is answered.
        headers: `version`, `method` and `name` as the transport named them; None over stdio.
    """
    request_id: object = None
    is_modern = bool(headers and headers.get("version") == MODERN)
    try:
        request = _read(message)
        request_id = request.get("id")
        if "id" not in request:
            return Reply(body=None, status=HTTPStatus.ACCEPTED)
        params = _read_params(request)
        is_modern = is_modern or params.get("_meta", {}).get(VERSION_KEY) == MODERN
        _check_headers(request, params, headers or {})
        result = _find_method(str(request["method"]))(params, caller)
    except RpcError as error:
        return refuse(error, request_id, is_modern=is_modern)
    if is_modern:
        result = {"resultType": "complete", **result}
    body = {"jsonrpc": "2.0", "id": request_id, "result": result}
    return Reply(body=msgspec.json.encode(body))


def refuse(error: RpcError, request_id: object = None, *, is_modern: bool = True) -> Reply:
    """Return the answer that carries an error."""
    content: dict[str, object] = {"code": error.code, "message": str(error)}
    if error.data is not None:
        content["data"] = error.data
    status = HTTPStatus.OK
    if is_modern or request_id is None:
        status = STATUSES.get(error.code, HTTPStatus.OK)
    body = {"jsonrpc": "2.0", "id": request_id, "error": content}
    return Reply(body=msgspec.json.encode(body), status=status)


def _read(message: bytes) -> dict[str, Any]:
    try:
        request = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RpcError(PARSE_ERROR, f"the message is not valid JSON: {error}") from None
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, "the message must be one JSON-RPC 2.0 object")
    if not isinstance(request.get("method"), str):
        raise RpcError(INVALID_REQUEST, "the message must name its method")
    if "id" in request:
        key = request["id"]
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise RpcError(INVALID_REQUEST, "the id must be a string or a whole number")
    return request


def _read_params(request: Mapping[str, Any]) -> dict[str, Any]:
    params = request.get("params", {})
    if not isinstance(params, dict) or not isinstance(params.get("_meta", {}), dict):
        raise RpcError(INVALID_PARAMS, "params must be an object")
    return params


def _check_headers(request: Mapping[str, Any], params: Params, headers: Mapping[str, str]) -> None:
    """Refuse headers by which a proxy would have sent the message somewhere else."""
    version = headers.get("version", "")
    supported = [MODERN, *HANDSHAKES]
    if version and version not in supported:
        message = f"unsupported protocol version; supported: {', '.join(supported)}"
        raise RpcError(UNSUPPORTED_VERSION, message, {"supported": supported, "requested": version})
    for header, value in (("method", request["method"]), ("name", params.get("name"))):
        named = headers.get(header, "")
        if named and named != value:
            title = f"Mcp-{header.title()}"
            raise RpcError(HEADER_MISMATCH, f"the header {title} differs from the message")


Method = Callable[[Params, Caller], dict[str, Any]]


def _discover(_params: Params, _caller: Caller) -> dict[str, Any]:
    return {
        "supportedVersions": [MODERN],
        "capabilities": CAPABILITIES,
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
        "ttlMs": 0,
        "cacheScope": "private",
    }


def _initialize(params: Params, _caller: Caller) -> dict[str, Any]:
    asked = params.get("protocolVersion")
    version = asked if asked in HANDSHAKES else HANDSHAKES[0]
    return {
        "protocolVersion": version,
        "capabilities": CAPABILITIES,
        "serverInfo": SERVER,
        "instructions": INSTRUCTIONS,
    }


def _ping(_params: Params, _caller: Caller) -> dict[str, Any]:
    return {}


def _list_prompts(params: Params, caller: Caller) -> dict[str, Any]:
    _need(caller, "prompts.view_prompt")
    return _told(lambda: prompts.list_prompts(_text(params, "cursor")))


def _get_prompt(params: Params, caller: Caller) -> dict[str, Any]:
    _need(caller, "prompts.view_prompt")
    arguments = params.get("arguments") or {}
    is_texts = isinstance(arguments, dict)
    if not is_texts or not all(isinstance(value, str) for value in arguments.values()):
        raise RpcError(INVALID_PARAMS, "arguments must be an object of strings")
    return _told(lambda: prompts.get_prompt(_text(params, "name"), arguments))


def _list_tools(_params: Params, caller: Caller) -> dict[str, Any]:
    offered = tools.list_tools(caller)
    return {"tools": offered, "ttlMs": 0, "cacheScope": "private"}


def _call_tool(params: Params, caller: Caller) -> dict[str, Any]:
    name = _text(params, "name")
    arguments = params.get("arguments") or {}
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "arguments must be an object")
    if name not in tools.TOOLS:
        known = ", ".join(tools.TOOLS)
        raise RpcError(INVALID_PARAMS, f"there is no tool {name[:100]}; there are: {known}")
    return tools.call_tool(name, arguments, caller)


METHODS: Final[dict[str, Method]] = {
    "server/discover": _discover,
    "initialize": _initialize,
    "ping": _ping,
    "prompts/list": _list_prompts,
    "prompts/get": _get_prompt,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
}


def _find_method(name: str) -> Method:
    method = METHODS.get(name)
    if method is None:
        raise RpcError(METHOD_NOT_FOUND, f"there is no method {name[:100]}")
    return method


def _text(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"{name} must be a string")
    return value


def _need(caller: Caller, permission: str) -> None:
    if not caller.may(permission):
        message = f"the role {caller.role} does not have the permission {permission}"
        raise RpcError(INVALID_PARAMS, message)


def _told(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `work` gives; what the product refuses is an error of the arguments.

    Raises:
        RpcError: with the product's own sentence.
    """
    try:
        return work()
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        raise RpcError(INVALID_PARAMS, problem.detail, {"code": problem.code}) from error
