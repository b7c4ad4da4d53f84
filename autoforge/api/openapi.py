"""The OpenAPI document: the library's, with what it leaves out and without what is not so.

What is added: the docstrings of members, files as bodies, a tag for each group of addresses.
"""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, get_args, get_type_hints

from dmr.endpoint import Endpoint
from dmr.openapi import OpenAPIConfig, build_schema
from dmr.routing import Router
from msgspec import Struct

from autoforge import __version__
from core.api.controllers import FILE_TYPES
from core.api.docstrings import describe_members, read_docstrings
from core.api.problems import PROBLEM_JSON

__all__ = ["build_document"]

ROOT: Final = "/api/v1/"
VALUES: Final = ("application/json", "application/yaml", "application/x-yaml", "text/yaml")
BODILESS: Final = ("204", "304")
TOO_LONG: Final = {"description": "The address is longer than the server reads: 8,190 bytes."}
FIRST_PROBLEM: Final = "400"
PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")  # of Django's addresses


class _Operation(NamedTuple):
    endpoint: Endpoint
    spec: dict[str, Any]
    """Of the document; it is changed in place."""


def build_document(router: Router) -> dict[str, Any]:
    """Return the document of all operations of a router."""
    config = OpenAPIConfig(title="AutoForge", version=__version__)
    document: dict[str, Any] = build_schema(router, config=config).convert()
    models: dict[str, type[Struct]] = {}
    for address, operation in _list_operations(router, document["paths"]):
        operation.spec["tags"] = [address.removeprefix(ROOT).partition("/")[0].capitalize()]
        _correct_answers(operation.spec["responses"])
        _describe_parameters(operation)
        if any(parameter["in"] == "query" for parameter in operation.spec.get("parameters", [])):
            operation.spec["responses"]["414"] = TOO_LONG
        _add_file(operation.spec)
        models |= {model.__name__: model for model in _find_models(_types_of(operation.endpoint))}
    for name, schema in document["components"]["schemas"].items():
        describe_members(schema, models[name])
    return document


def _list_operations(router: Router, paths: dict[str, Any]) -> Iterator[tuple[str, _Operation]]:
    for route in router.urls:
        address = ROOT + PARAMETER.sub(r"{\1}", str(route.pattern))
        view: Any = route.callback
        for method, endpoint in view.view_class.api_endpoints.items():
            yield address, _Operation(endpoint, paths[address][method.lower()])


def _correct_answers(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if status in BODILESS:
            response.pop("content", None)
        elif status < FIRST_PROBLEM:
            # The library writes each type that anything of the operation may have.
            response.get("content", {}).pop(PROBLEM_JSON, None)


def _add_file(spec: dict[str, Any]) -> None:
    types = spec.pop(FILE_TYPES, [])
    if types:
        content = {name: {"schema": _schema_of_file(name)} for name in types}
        spec["requestBody"] = {"required": True, "description": "The file.", "content": content}


def _schema_of_file(content_type: str) -> dict[str, Any]:
    # JSON and YAML are any value; other formats are none to whoever reads the document.
    if content_type in VALUES:
        return {}
    return {"type": "string", "format": "binary"}


# --- Docstrings of members ------------------------------------------------------------------------


def _describe_parameters(operation: _Operation) -> None:
    texts: dict[str, str] = {}
    for parser in operation.endpoint.metadata.component_parsers:
        texts |= read_docstrings(parser.model)
    for parameter in operation.spec.get("parameters", []):
        # The library writes the model's own text at each of its members.
        parameter.pop("description", None)
        of_type = parameter["schema"].pop("description", "")
        parameter["description"] = texts.get(parameter["name"], of_type)


def _types_of(endpoint: Endpoint) -> Iterator[Any]:
    metadata = endpoint.metadata
    for response in metadata.responses.values():
        yield response.return_type
    for parser in metadata.component_parsers:
        yield parser.model


def _find_models(types: Iterable[Any]) -> set[type[Struct]]:
    """Return the models among types, and those that their members hold."""
    found: set[type[Struct]] = set()
    waiting = list(types)
    while waiting:
        kind = waiting.pop()
        waiting += get_args(kind)
        if inspect.isclass(kind) and issubclass(kind, Struct) and kind not in found:
            found.add(kind)
            waiting += get_type_hints(kind, include_extras=True).values()
    return found
