"""Recordings as data for `make test`: what depends on time or on this machine is left out."""

import json
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from launch.tools import ROOT

__all__ = ["MODELS_URL", "write_recording"]

FOLDER: Final = ROOT / "tests" / "data" / "clients"
MODELS_URL: Final = "http://models.invalid"
"""Stands for the address of the fake model service."""
RUN: Final = re.compile(r"/api/v1/runs/[0-9a-f-]{36}")


def write_recording(
    name: str, exchanges: Iterable[dict[str, Any]], *, models_url: str, secrets: Iterable[str]
) -> None:
    """Write down what a client asked and was answered.

    Args:
        name: of the client.
        exchanges: requests and answers, in order.
        models_url: address of the fake model service.
        secrets: texts that must not be in it.
    """
    text = json.dumps(_without_waiting(exchanges), ensure_ascii=False, indent=1)
    text = text.replace(models_url, MODELS_URL)
    if any(secret in text for secret in secrets):
        raise RuntimeError(f"{name}: a key would be written down")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def _without_waiting(exchanges: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out how often a run that has not ended was looked at."""
    kept = []
    tags = set()
    for exchange in exchanges:
        request, answer = exchange["request"], exchange["answer"]
        if request["method"] == "GET" and RUN.fullmatch(request["path"]):
            if request["headers"].get("if-none-match") not in tags:
                # The tag of a state that is left out.
                request["headers"].pop("if-none-match", None)
                if answer["status"] == HTTPStatus.NOT_MODIFIED:
                    continue
            body = answer["body"] or {}
            if body.get("progress", {}).get("active"):
                continue
        tags.add(answer["etag"])
        kept.append(exchange)
    return kept
