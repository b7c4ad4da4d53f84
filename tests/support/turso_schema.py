"""Turso's OpenAPI document, as a judge of what a fake of Turso accepts and answers.

Stricter than the document, which demands almost nothing: what it does not name is refused as well,
but for what Turso's own clients are known to send and read.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

DOCUMENT = Path(__file__).resolve().parents[1] / "data" / "turso" / "openapi.json"
# Path → what is there although the document does not say so (measured with Turso's own clients).
MORE_OF_ANSWERS = {
    "/v1/organizations/{organizationSlug}/databases": {"pagination"},
    "/v1/organizations/{organizationSlug}/databases/{databaseName}/usage": {"usage"},
}
MORE_OF_QUERIES = {"cursor", "limit", "type", "schema"}
MORE_OF_REQUESTS = {"fine_grained_permissions"}
MORE_OF_DATABASES = {"type", "sleeping", "version", "allow_attach", "archived"}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method of a path."""

    template: str
    """The path, with names in braces."""
    parameters: dict[str, str]
    """Name in the path → value."""
    content: dict[str, Any]
    """What the document says of it."""


class TursoSchema:
    """The document."""

    def __init__(self) -> None:
        self.document = json.loads(DOCUMENT.read_text(encoding="utf-8"))

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation of a request, or None where the document knows none."""
        for template, methods in self.document["paths"].items():
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
            match = re.fullmatch(pattern, path)
            if match and method.lower() in methods:
                return Operation(
                    template=template,
                    parameters=match.groupdict(),
                    content=methods[method.lower()],
                )
        return None

    def list_request_faults(
        self, operation: Operation, query: dict[str, str], body: Any
    ) -> Iterator[str]:
        """Yield what is wrong with a request."""
        yield from self._list_query_faults(operation, query)
        request = operation.content.get("requestBody")
        if request is None and body is not None:
            yield "there is a body"
        elif request is not None and body is not None:
            schema = request["content"]["application/json"]["schema"]
            yield from self._list_faults(schema, body, MORE_OF_REQUESTS)
        elif request is not None and request.get("required"):
            yield "there is no body"

    def _list_query_faults(self, operation: Operation, query: dict[str, str]) -> Iterator[str]:
        parameters = [self._resolve(entry) for entry in operation.content.get("parameters", [])]
        named = {entry["name"]: entry for entry in parameters if entry["in"] == "query"}
        for name, value in query.items():
            if name not in named and name not in MORE_OF_QUERIES:
                yield f"the query has {name}"
            allowed = named.get(name, {}).get("schema", {}).get("enum", [value])
            if value not in allowed:
                yield f"{name} is {value}"

    def list_answer_faults(self, operation: Operation, status: int, body: Any) -> Iterator[str]:
        """Yield what is wrong with an answer."""
        answer = operation.content["responses"].get(str(status))
        if answer is None:
            if status not in {401, 402, 403, 422, 429, 500}:  # of every operation, in no document
                yield f"status {status}"
            return
        content = self._resolve(answer).get("content")
        if content is None:
            if body is not None:
                yield "there is a body"
            return
        more = MORE_OF_ANSWERS.get(operation.template, set())
        yield from self._list_faults(content["application/json"]["schema"], body, more)

    def _resolve(self, entry: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in entry:
            found: Any = self.document
            for part in entry["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            entry = found
        return entry

    def _list_faults(self, schema: dict[str, Any], value: Any, more: set[str]) -> Iterator[str]:
        validator = jsonschema.Draft202012Validator(self._close(schema, more))
        for error in validator.iter_errors(value):
            yield f"{error.json_path}: {error.message}"

    def _close(self, schema: dict[str, Any], more: set[str]) -> dict[str, Any]:
        """Return a schema without references, in JSON Schema, that allows only what it names."""
        schema = self._resolve(schema)
        if "allOf" in schema:
            merged: dict[str, Any] = {"type": "object", "properties": {}}
            for part in schema["allOf"]:
                merged["properties"] |= self._resolve(part).get("properties", {})
            schema = merged
        closed = {key: value for key, value in schema.items() if key not in {"nullable", "example"}}
        if "properties" in schema:
            names = {
                name: self._close(member, more) for name, member in schema["properties"].items()
            }
            extra = more | (MORE_OF_DATABASES if "Hostname" in names else set())
            closed["properties"] = names | {name: {} for name in extra - set(names)}
            closed["additionalProperties"] = False
        if isinstance(schema.get("items"), dict):
            closed["items"] = self._close(schema["items"], more)
        if schema.get("nullable"):
            closed = {"anyOf": [closed, {"type": "null"}]}
        closed.pop("deprecated", None)
        return closed
