"""Descriptions of services of one's own, each asked once by promptfoo and by AutoForge.

`{url}` stands for the address of the fake. What promptfoo sent and took as the answer is recorded
in described_by_promptfoo.json (`scripts/differential/record_described.py`).
"""

from typing import Any, Final

__all__ = ["DESCRIBED", "REPLY", "VARIABLES"]

VARIABLES: Final = {"name": 'Ada "A"\nB', "city": "Pa&ris", "list": [1, 2]}
REPLY: Final = {
    "output": "hello",
    "choices": [{"message": {"content": "deep"}}],
    "number": 3,
    "empty": None,
}
JSON_HEADER = {"Content-Type": "application/json"}
DESCRIBED: Final[dict[str, dict[str, Any]]] = {
    "object body": {"method": "POST", "body": {"q": "{{prompt}}", "n": 1, "deep": ["{{name}}"]}},
    "header": {
        "method": "POST",
        "headers": {**JSON_HEADER, "X-Name": "{{city}}"},
        "body": {"q": "{{prompt}}"},
    },
    "text body": {"method": "POST", "body": "q={{prompt}}&c={{city}}"},
    "text body of JSON": {
        "method": "POST",
        "headers": JSON_HEADER,
        "body": '{"q": "{{prompt}}", "v": "{{name}}"}',
    },
    "text body with a value that is a list": {
        "method": "POST",
        "headers": JSON_HEADER,
        "body": '{"q": {{list | dump}}, "v": "{{name}}"}',
    },
    "plain text": {
        "method": "POST",
        "headers": {"Content-Type": "text/plain"},
        "body": "  say {{prompt}} ",
    },
    "get": {"method": "GET", "queryParams": {"q": "{{prompt}}", "c": "{{city}}"}},
    "put": {"method": "PUT", "body": {"a": True}},
    "number": {
        "method": "POST",
        "body": {"q": "{{prompt}}"},
        "transformResponse": "json.number",
    },
    "path": {
        "method": "POST",
        "body": {"q": "x"},
        "transformResponse": "json.choices[0].message.content",
    },
    "older name": {"method": "POST", "body": {"q": "x"}, "responseParser": "json.output"},
    "function": {
        "method": "POST",
        "body": {"q": "x"},
        "transformResponse": "(json, text) => json.choices[0].message.content",
    },
    "text": {"method": "POST", "body": {"q": "x"}, "transformResponse": "text"},
    "fallback": {
        "method": "POST",
        "body": {"q": "x"},
        "transformResponse": "json.missing?.deeper || json.output",
    },
    "whole object": {"method": "POST", "body": {"q": "x"}, "transformResponse": "json"},
    "part of it": {"method": "POST", "body": {"q": "x"}, "transformResponse": "json.choices[0]"},
    "raw": {
        "request": "POST /raw/{{city}}?x=1 HTTP/1.1\nHost: {host}\nContent-Type: application/json\n"
        'X-Team: a\n\n{"q": "{{prompt}}", "v": "{{name}}"}',
    },
    "bearer": {
        "method": "POST",
        "body": {"q": "x"},
        "auth": {"type": "bearer", "token": "{{env.TEAM_TOKEN}}"},
    },
    "basic": {
        "method": "POST",
        "body": {"q": "x"},
        "auth": {"type": "basic", "username": "u", "password": "{{env.TEAM_TOKEN}}"},
    },
    "key in a header": {
        "method": "POST",
        "body": {"q": "x"},
        "auth": {
            "type": "api_key", "placement": "header", "keyName": "X-Api-Key",
            "value": "{{env.TEAM_TOKEN}}",
        },
    },
    "key in the address": {
        "method": "POST",
        "body": {"q": "x"},
        "auth": {
            "type": "api_key", "placement": "query", "keyName": "k",
            "value": "{{env.TEAM_TOKEN}}",
        },
    },
    "header of a key": {
        "method": "POST",
        "headers": {**JSON_HEADER, "Authorization": "Bearer {{env.TEAM_TOKEN}}"},
        "body": {"q": "x"},
    },
}  # fmt: skip
