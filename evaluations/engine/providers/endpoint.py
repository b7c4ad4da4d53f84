"""A service of one's own over HTTP, as promptfoo's configurations describe one; and webhooks.

    https://…, http       url, method, headers, queryParams, body, or a raw `request`
    webhook:https://…     POST {"prompt", "config"}, answered by {"output"}

Templates in every text are filled with the case's variables and `prompt`. `{{env.NAME}}` is a key
that the operator has declared for the address (MODEL_KEYS); it is put in while the request is made,
and stands nowhere else. What is answered is read by `transformResponse` (`expressions`).
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from evaluations.engine.errors import BrokenAnswerError, RefusedError, SetupError
from evaluations.engine.numbers import finite
from evaluations.engine.providers.addresses import make_policy
from evaluations.engine.providers.base import Capabilities, Environment, Limits, ProviderSpec
from evaluations.engine.providers.expressions import UNDEFINED, evaluate
from evaluations.engine.providers.failures import find_status_error, shorten
from evaluations.engine.providers.http import Client, Reply
from evaluations.engine.providers.keys import DECLARED, check_address, find_key
from evaluations.engine.providers.replies import extract_text, read_count, read_object
from evaluations.engine.types import Answer, Message, Request, Vector
from prompts.rendering import fill_free_values, fill_text

__all__ = ["EndpointProvider", "WebhookProvider", "make_endpoint", "make_webhook"]

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
VARIABLE: Final = re.compile(
    r"\benv\s{0,9}(?:\.\s{0,9}(\w+)|\[\s{0,9}[\"']?(\w*))"  # {{env.X}}, {{ env["X"] }}
)
# Compared in lower case, but for those that only say how the connection goes.
OWN_HEADERS: Final = ("content-length", "host", "connection", "transfer-encoding")
TOO_MANY: Final = 429


@dataclass(frozen=True, kw_only=True, slots=True)
class _Prepared:
    """One request, ready to be sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None


class EndpointProvider:
    """Asks what a configuration describes."""

    abilities = Capabilities(uses_variables=True)

    def __init__(
        self, spec: ProviderSpec, client: Client, limits: Limits, keys: Mapping[str, str]
    ) -> None:
        self.spec = spec
        self.limits = limits
        self._client = client
        self._keys = keys

    def __repr__(self) -> str:
        return f"EndpointProvider({self.spec.name!r})"

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        config = request.parameters
        values = await self._list_values(request)
        try:
            prepared = self._prepare(config, values)
        except ValueError as error:  # a template that cannot be filled
            raise RefusedError("endpoint.template", reason=str(error)) from None
        reply, milliseconds = await self._client.send(
            prepared.method, prepared.url, headers=prepared.headers, body=prepared.body
        )
        await self._check_status(config, reply)
        return await self._read(config, reply, milliseconds)

    async def _list_values(self, request: Request) -> dict[str, object]:
        """Return what templates may name."""
        config = request.parameters
        values = dict(fill_free_values(request.variables))
        for name in ("tools", "tool_choice"):
            if name in config:
                value = config[name]
                values[name] = write_json(value) if isinstance(value, dict | list) else value
        prompt: object = write_prompt(request.messages)
        transform = config.get("transformRequest")
        if transform:
            prompt = await self._transform_request(str(transform), prompt, values)
        return values | {"prompt": prompt, "env": self._keys}

    async def _transform_request(
        self, transform: str, prompt: object, values: Mapping[str, object]
    ) -> object:
        if "{{" in transform and "=>" not in transform:
            return _fill(transform, {**values, "prompt": prompt})  # as older versions had it
        names = {"prompt": prompt, "vars": dict(values), "context": {"vars": dict(values)}}
        return await evaluate(transform, names, what="transformRequest")

    def _prepare(self, config: Mapping[str, object], values: Mapping[str, object]) -> _Prepared:
        if config.get("request"):
            prepared = _prepare_raw(self.spec, config, values)
        else:
            prepared = _prepare_described(self.spec, config, values)
        check_address(prepared.url.partition("?")[0])
        return prepared

    async def _check_status(self, config: Mapping[str, object], reply: Reply) -> None:
        """Refuse an answer whose status is none of those that count.

        Without `validateStatus` every status counts, as in promptfoo, but for "too many requests".

        Raises:
            ProviderError: as the status means.
        """
        validate = config.get("validateStatus")
        is_good = reply.status != TOO_MANY
        if validate:
            names = {"status": reply.status}
            is_good = bool(await evaluate(str(validate), names, what="validateStatus"))
        if not is_good:
            name = self._client.name
            raise find_status_error(name, reply.status, reply.headers, reply.text)

    async def _read(self, config: Mapping[str, object], reply: Reply, milliseconds: int) -> Answer:
        body = _parse(reply.text)
        transform = config.get("transformResponse") or config.get("responseParser")
        output: object = body or reply.text
        if transform:
            response = {"status": reply.status, "headers": dict(reply.headers), "data": reply.text}
            names = {"json": body, "text": reply.text, "context": {"response": response}}
            output = await evaluate(str(transform), names, what="transformResponse")
        result: Mapping[str, object] = {"output": output}
        if transform and isinstance(output, dict) and ("output" in output or "error" in output):
            result = output
        if result.get("error"):
            error = shorten(str(result["error"]))
            raise BrokenAnswerError("endpoint.error", name=self._client.name, error=error)
        answer = _build_answer(self._client.name, result.get("output", UNDEFINED), milliseconds)
        usage = read_object(result.get("tokenUsage") or read_object(body).get("tokenUsage"))
        cost = finite(result.get("cost"))
        return replace(
            answer,
            input_tokens=read_count(usage.get("prompt")),
            output_tokens=read_count(usage.get("completion")),
            cost_usd=None if cost is None else Decimal(str(cost)),
        )

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Refuse.

        Raises:
            SetupError: always.
        """
        raise SetupError("provider.no-embeddings", name=self.spec.kind)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _build_answer(name: str, output: object, milliseconds: int) -> Answer:
    """Return an answer of a value: a text as it is, all else as JSON writes it."""
    if output is UNDEFINED or output is None:
        raise BrokenAnswerError("endpoint.no-output", name=name)
    if isinstance(output, str):
        return Answer(text=output, latency_ms=milliseconds, finish_reason=None)
    return Answer(text=write_json(output), data=output, latency_ms=milliseconds)


def write_json(value: object) -> str:
    """Return a value as JSON.stringify writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_prompt(messages: Sequence[Message]) -> str:
    """Return a prompt as one text: that of its only message, or the chat as JSON."""
    if len(messages) == 1 and messages[0].role == "user" and not messages[0].parts:
        return messages[0].content
    rows = [{"role": message.role, "content": message.content} for message in messages]
    return json.dumps(rows, ensure_ascii=False, indent=2)


def _parse(text: str) -> Any:
    """Return the value of a text that is JSON, None for any other."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _fill(text: object, values: Mapping[str, object]) -> str:
    return fill_text(text, values) if isinstance(text, str) else str(text)


def _fill_all(value: object, values: Mapping[str, object]) -> Any:
    """Return a value whose texts are filled, at any depth."""
    if isinstance(value, str):
        return fill_text(value, values)
    if isinstance(value, Mapping):
        return {name: _fill_all(inner, values) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_fill_all(inner, values) for inner in value]
    return value


def _read_nested(value: object) -> Any:
    """Return a value in which texts that are JSON objects or lists have become those."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        parsed = _parse(value)
        return parsed if isinstance(parsed, dict | list) else value
    if isinstance(value, Mapping):
        return {name: _read_nested(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_read_nested(inner) for inner in value]
    return value


def _prepare_described(
    spec: ProviderSpec, config: Mapping[str, object], values: Mapping[str, object]
) -> _Prepared:
    method = _fill(config.get("method") or "GET", values).upper()
    body = config.get("body")
    headers = {}
    if method != "GET" and isinstance(body, dict | list):
        headers["content-type"] = JSON
    elif method != "GET" and isinstance(body, str):
        headers["content-type"] = FORM
    for name, value in read_object(config.get("headers")).items():
        headers[name.lower()] = _fill(value, values)
    query = [
        (name, _fill(value, values))
        for name, value in read_object(config.get("queryParams")).items()
    ]
    _authorise(config, values, headers, query)
    url = _join_query(_fill(config.get("url") or spec.model, values), query)
    is_json = JSON in headers.get("content-type", "")
    if isinstance(body, dict | list) and not is_json:
        raise RefusedError("endpoint.body-not-json", kind=headers.get("content-type", ""))
    raw = None if method == "GET" else _build_body(body, values, is_json=is_json)
    return _Prepared(method=method, url=url, headers=headers, body=raw)


def _build_body(body: object, values: Mapping[str, object], *, is_json: bool) -> bytes | None:
    if not is_json:
        return None if body is None else _fill(body, values).strip().encode()
    if isinstance(body, str):
        parsed = _parse(body)
        body = body if parsed is None else parsed
    prompt = values["prompt"]
    if isinstance(prompt, dict):
        return write_json({**read_object(body), **prompt}).encode()
    if body is None:
        return None
    if not isinstance(body, str):
        return write_json(_read_nested(_fill_all(body, values))).encode()
    filled = fill_text(body, values)
    if _parse(filled) is None and filled.strip()[:1] in ("{", "["):
        # A value with a line break or a quote would have broken it.
        filled = fill_text(body, _escape(values))
    parsed = _parse(filled)
    return (filled if parsed is None else write_json(parsed)).encode()


def _escape(values: Mapping[str, object]) -> dict[str, object]:
    """Return values whose texts can stand within a JSON string."""
    escaped = {}
    for name, value in values.items():
        is_text = isinstance(value, str)
        escaped[name] = json.dumps(value, ensure_ascii=False)[1:-1] if is_text else value
    return escaped


def _join_query(url: str, query: Sequence[tuple[str, str]]) -> str:
    if not query:
        return url
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *query]
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(pairs), ""))


def _authorise(
    config: Mapping[str, object],
    values: Mapping[str, object],
    headers: dict[str, str],
    query: list[tuple[str, str]],
) -> None:
    """Add what `auth` says."""
    auth = {name: _fill(value, values) for name, value in read_object(config.get("auth")).items()}
    kind = auth.get("type")
    if kind == "bearer":
        headers["authorization"] = f"Bearer {auth.get('token', '')}"
    elif kind == "basic":
        pair = f"{auth.get('username', '')}:{auth.get('password', '')}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    elif kind == "api_key" and auth.get("placement") == "query":
        query.append((auth.get("keyName", ""), auth.get("value", "")))
    elif kind == "api_key":
        headers[auth.get("keyName", "").lower()] = auth.get("value", "")


def _prepare_raw(
    spec: ProviderSpec, config: Mapping[str, object], values: Mapping[str, object]
) -> _Prepared:
    """Return the request that a text such as `POST /chat HTTP/1.1` with headers and body is."""
    text = fill_text(str(config["request"]).strip(), _escape(values)).replace("\r\n", "\n").strip()
    head, _blank, body = text.partition("\n\n")
    first, *lines = head.split("\n")
    words = first.split()
    if len(words) < 3 or not words[-1].upper().startswith("HTTP/"):
        raise RefusedError("endpoint.request-line", line=shorten(first))
    headers = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    uses_tls = (str(config.get("url") or spec.model)).startswith("https") or config.get("useHttps")
    origin = f"{'https' if uses_tls else 'http'}://{headers.get('host', '')}"
    query: list[tuple[str, str]] = []
    _authorise(config, values, headers, query)
    url = _join_query(urljoin(origin, " ".join(words[1:-1])), query)
    kept = {name: value for name, value in headers.items() if name not in OWN_HEADERS}
    raw = body.strip().encode() or None
    return _Prepared(method=words[0].upper(), url=url, headers=kept, body=raw)


class WebhookProvider(EndpointProvider):
    """Asks an address by POST {"prompt", "config"}, which answers {"output"}."""

    abilities = Capabilities()

    async def complete(self, request: Request) -> Answer:
        """Send one request, once.

        Raises:
            ProviderError: the most specific kind.
        """
        body: dict[str, object] = {"prompt": write_prompt(request.messages)}
        if request.parameters:
            body["config"] = dict(request.parameters)
        reply, milliseconds = await self._client.post("", body)
        output = reply.get("output")
        if not isinstance(output, str):
            raise BrokenAnswerError("endpoint.no-output", name=self._client.name)
        return Answer(text=output, latency_ms=milliseconds)


def make_endpoint(spec: ProviderSpec, environment: Environment) -> EndpointProvider:
    """Return a provider of what a configuration describes.

    Raises:
        SetupError: a key is missing or not declared for the address, or that may not be asked.
    """
    config = spec.parameters
    url = _find_url(spec)
    if not config.get("request") and config.get("body") is None and config.get("method") != "GET":
        raise SetupError("endpoint.no-body", name=spec.name)
    names = sorted({match[1] or match[2] for match in VARIABLE.finditer(write_json(config))})
    keys = {name: _find_declared(spec, url, environment, name) for name in names}
    return EndpointProvider(spec, *_open(spec, url, environment, keys), keys)


def _find_url(spec: ProviderSpec) -> str:
    """Return the address that is asked, as it is before templates are filled.

    Raises:
        SetupError: there is none.
    """
    config = spec.parameters
    url = extract_text(config.get("url")) or spec.model
    if config.get("request") and not urlsplit(url).hostname:
        host = re.search(r"^host:\s*(\S+)", str(config["request"]), re.IGNORECASE | re.MULTILINE)
        scheme = "https" if url.startswith("https") or config.get("useHttps") else "http"
        url = f"{scheme}://{host[1]}" if host else ""
    if "{{" in url.partition("?")[0].partition("#")[0]:
        return ""  # known when the case is asked; no key goes there
    check_address(url.partition("?")[0])
    return url


def _find_declared(spec: ProviderSpec, url: str, environment: Environment, name: str) -> str:
    """Return the key that a template names.

    Raises:
        SetupError: it is not set, or not declared for this address.
    """
    origin = urlsplit(url)
    if not url:
        raise SetupError("endpoint.key-anywhere", name=name)
    key = find_key(spec, url, environment, name, ())
    if not key:
        shown = f"{origin.scheme}://{origin.netloc}"
        raise SetupError("key.undeclared", name=name, setting=DECLARED, origin=shown)
    return key


def _open(
    spec: ProviderSpec, url: str, environment: Environment, keys: Mapping[str, str]
) -> tuple[Client, Limits]:
    limits = spec.limits or Limits(concurrency=4)
    client = Client(
        name=spec.name,
        base_url=url.partition("?")[0] or "https://unknown.invalid",
        headers={},
        secrets=tuple(keys.values()),
        timeout_seconds=limits.timeout_seconds,
        policy=make_policy(environment),
    )
    return client, limits


def make_webhook(spec: ProviderSpec, environment: Environment) -> WebhookProvider:
    """Return a provider that asks a webhook.

    Raises:
        SetupError: its address is none, or may not be asked.
    """
    check_address(spec.model)
    client, limits = _open(spec, spec.model, environment, {})
    return WebhookProvider(spec, client, limits, {})
