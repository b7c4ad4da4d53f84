"""What the real promptfoo and `manage.py evaluate` send for a configuration, and their rows.

A configuration is a folder in requests/; both programs ask a service of ours (`service`).
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from differential.configs import Row, differing, our_rows, their_rows
from differential.differences import why_request_differs
from differential.service import Service

__all__ = [
    "REQUEST_FOLDERS",
    "Seen",
    "asking",
    "compare_seen",
    "environment_of",
    "see_ours",
    "see_theirs",
]

REQUESTS: Final = Path(__file__).parent / "requests"
REQUEST_FOLDERS: Final = tuple(path for path in sorted(REQUESTS.iterdir()) if path.is_dir())
KEY: Final = "a-key-of-nobody"
OWN: Final[Mapping[str, str]] = {"PF_LANG": "French", "PF_MODEL": "gpt-4o", "PF_LEVEL": "2"}
"""Variables that configurations read."""

Seen = dict[str, Any]
"""`requests` that were sent, sorted, and `rows` of the report."""


def environment_of(service: Service) -> dict[str, str]:
    """Return the environment in which both programs are run."""
    return {
        **OWN,
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_API_KEY": KEY,
        "OPENAI_BASE_URL": f"{service.url}/v1",
        "ANTHROPIC_BASE_URL": service.url,
    }


@contextmanager
def asking(service: Service) -> Iterator[None]:
    """Have the variables in this process's environment, which promptfoo's process gets."""
    before = dict(os.environ)
    os.environ |= environment_of(service)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def see_theirs(promptfoo: Path, folder: Path, service: Service) -> Seen:
    """Return what promptfoo sends and reports."""
    service.take()
    rows = their_rows(promptfoo, folder)
    return {"requests": service.take(), "rows": rows}


def see_ours(folder: Path, evaluate: Callable[[Path, Path], object], service: Service) -> Seen:
    """Return what our command sends and reports."""
    service.take()
    rows = our_rows(folder, evaluate)
    return {"requests": service.take(), "rows": rows}


def compare_seen(name: str, theirs: Seen, ours: Seen) -> list[dict[str, Any]]:
    """Return on what we differ, and why where it is intended."""
    differences = differing(name, theirs["rows"], ours["rows"])
    missing, extra = _subtract(theirs["requests"], ours["requests"])
    for request in missing:
        why = why_request_differs(name, request)
        differences.append({"config": name, "differs": ["request"], "theirs": request, "why": why})
    for request in extra:
        why = why_request_differs(name, request)
        differences.append({"config": name, "differs": ["request"], "ours": request, "why": why})
    return differences


def _subtract(
    theirs: Sequence[Row], ours: Sequence[Row]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what of theirs ours lacks, and the other way round; each as often as it was sent."""
    texts = {_text(request): request for request in (*theirs, *ours)}
    their_count = Counter(map(_text, theirs))
    our_count = Counter(map(_text, ours))
    missing = [texts[text] for text in (their_count - our_count).elements()]
    extra = [texts[text] for text in (our_count - their_count).elements()]
    return missing, extra


def _text(request: object) -> str:
    return json.dumps(_whole(request), sort_keys=True)  # keys may come in any order


def _whole(value: object) -> object:
    """Return a value with numbers as JavaScript writes them: 1.0 is 1 there."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
