"""Reads behind Langfuse's prompt API: a version is one query, a list is three."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from core.api.problems import RequestError
from prompts import selectors
from prompts.api.langfuse.answers import as_version
from prompts.models import Prompt, PromptVersion
from prompts.naming import LATEST

__all__ = ["list_prompts", "load_version", "read_number"]

PRODUCTION = "production"
DEFAULT_ROWS = 50
MOST_ROWS = 100
LARGEST_NUMBER = 2**31 - 1


def load_version(
    name: str, *, label: str = "", number: int | None = None, is_resolved: bool = True
) -> dict[str, Any]:
    """Return a version as Langfuse has it: one query.

    Raises:
        NotFoundError: there is no such prompt, label or version.
        NotForLangfuseError: their clients would fill it wrongly.
    """
    if not label and number is None:
        label = PRODUCTION
    version = selectors.find_named(name, label=label, number=number)
    names = getattr(version, "label_names", None)
    return as_version(version, names, is_resolved=is_resolved)


def list_prompts(query: Mapping[str, str]) -> dict[str, Any]:
    """Return a page of prompts with the numbers of their versions: three queries.

    Raises:
        RequestError: a number or a time is none.
    """
    page = read_number(query, "page", 1, LARGEST_NUMBER)
    limit = read_number(query, "limit", DEFAULT_ROWS, MOST_ROWS)
    rows = _filtered(query)
    count = rows.count()
    prompts = list(rows.order_by("name")[(page - 1) * limit : page * limit])
    keys = [prompt.pk for prompt in prompts]
    numbers: dict[object, list[int]] = {}
    labels: dict[object, set[str]] = {}
    versions = PromptVersion.objects.filter(prompt__in=keys).order_by("number")
    for key, number, label in versions.values_list("prompt_id", "number", "labels__name"):
        known = numbers.setdefault(key, [])
        if not known or known[-1] != number:
            known.append(number)
        if label:
            labels.setdefault(key, set()).add(label)
    data = []
    for prompt in prompts:
        data.append(
            {
                "name": prompt.name,
                "type": prompt.kind,
                "versions": numbers.get(prompt.pk, []),
                "labels": [*sorted(labels.get(prompt.pk, ())), LATEST],
                "tags": prompt.tags,
                "lastUpdatedAt": prompt.updated_at.isoformat(),
                "lastConfig": prompt.config,
            }
        )
    meta = {
        "page": page,
        "limit": limit,
        "totalItems": count,
        "totalPages": -(-count // limit),
    }
    return {"data": data, "meta": meta}


def read_number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """Return a positive number of the query.

    Raises:
        RequestError: it is none, or larger than `most`.
    """
    text = query.get(name, "")
    if not text:
        return default
    is_number = text.isascii() and text.isdigit() and len(text) <= 10
    if not is_number or not 1 <= int(text) <= most:
        raise RequestError("langfuse.number", name=name, most=most)
    return int(text)


def _filtered(query: Mapping[str, str]) -> QuerySet[Prompt]:
    rows = Prompt.objects.all()
    if query.get("name"):
        rows = rows.filter(name=query["name"])
    if query.get("tag"):
        rows = selectors.having_tag(rows, query["tag"])
    label = query.get("label")
    if label and label != LATEST:  # every prompt has that one
        rows = rows.filter(labels__name=label)
    since = _read_time(query, "fromUpdatedAt")
    if since is not None:
        rows = rows.filter(updated_at__gte=since)
    until = _read_time(query, "toUpdatedAt")
    if until is not None:
        rows = rows.filter(updated_at__lt=until)
    return rows


def _read_time(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise RequestError("langfuse.time", name=name)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
