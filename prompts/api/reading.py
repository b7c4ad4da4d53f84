"""Reads behind the operations on prompts: one query each, and ETags."""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple, cast
from uuid import UUID

from django.db.models import Q

from core.api.pages import take_page
from prompts import selectors
from prompts.api import bodies
from prompts.models import Prompt, PromptLabel, PromptVersion
from prompts.naming import FOLDER, LATEST
from prompts.releases_cache import remember

__all__ = ["Answer", "find_prompt_id", "list_prompts", "load_version", "read_version"]

PRODUCTION = "production"


class Answer(NamedTuple):
    """A version as it goes over the wire."""

    etag: str
    """Its ETag with the quotation marks."""
    body: bytes
    """JSON of `VersionRead`."""
    prompt_id: UUID
    """ID of the prompt."""
    number: int
    """Number of the version."""


def read_version(name: str, *, label: str = PRODUCTION, number: int | None = None) -> Answer:
    """Return a version, from memory where that is as new as the database.

    Raises:
        NotFoundError: there is no such prompt, label or version; the message lists them.
    """
    key = f"api {number} {label} {name}".encode("utf-8", "surrogatepass").hex()
    return remember(key, lambda: load_version(name, label=label, number=number))


def load_version(name: str, *, label: str = PRODUCTION, number: int | None = None) -> Answer:
    """Return a version from the database: one query.

    Raises:
        NotFoundError: there is no such prompt, label or version; the message lists them.
    """
    version = selectors.find_named(name, label=label, number=number)
    return _as_answer(version, getattr(version, "label_names", None))


def _as_answer(version: PromptVersion, labels: object) -> Answer:
    prompt = version.prompt
    includes = []
    for entry in version.includes:
        names = ("reference", "number", "content_hash")
        includes.append({name: entry[name] for name in names})
    body = bodies.VersionRead(
        id=str(prompt.pk),
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        status=cast("bodies.Status", prompt.status),
        tags=prompt.tags,
        metadata=prompt.metadata,
        user_id=prompt.user_id,
        version=version.number,
        newest_version=prompt.current_version,
        labels=bodies.labels_of(labels, is_newest=version.number == prompt.current_version),
        kind=cast("bodies.Kind", version.kind),
        syntax=cast("bodies.Syntax", version.syntax),
        content=bodies.as_content(version.kind, version.content),
        variables=version.variables,
        config=version.config,
        includes=includes,
        content_hash=version.content_hash,
        author=version.author,
        change_note=version.change_note,
        created_at=version.created_at,
    )
    data = bodies.encode(body)
    # The content's own hash, and that of all the rest: labels, tags and titles change without it.
    rest = hashlib.sha256(data).hexdigest()
    etag = f'"{version.content_hash[:16]}-{rest[:16]}"'
    return Answer(etag, data, prompt.pk, version.number)


def find_prompt_id(name: str) -> UUID:
    """Return the ID of the prompt of a name.

    Raises:
        NotFoundError: there is none.
    """
    key = Prompt.objects.order_by().filter(name=name).values_list("pk", flat=True).first()
    if key is None:
        raise selectors.explain_missing(name)
    return key


def list_prompts(
    *,
    search: str = "",
    status: str = "",
    tag: str = "",
    label: str = "",
    folder: str = "",
    cursor: str = "",
    limit: int,
) -> bodies.PromptPage:
    """Return a page of prompts in use, by name: two queries."""
    rows = selectors.search_prompts(search) if search.strip() else Prompt.objects.all()
    conditions = Q()
    if status:
        conditions &= Q(status=status)
    if tag:
        rows = selectors.having_tag(rows, tag)
    if label:
        conditions &= Q(labels__name=label)
    if folder:
        conditions &= Q(name__startswith=folder.rstrip(FOLDER) + FOLDER)
    page, next_cursor = take_page(rows.filter(conditions), by=["name"], cursor=cursor, limit=limit)
    labels = _labels_of(page)
    items = [_as_item(prompt, labels.get(str(prompt.pk), {})) for prompt in page]
    return bodies.PromptPage(items=items, next_cursor=next_cursor)


def _labels_of(prompts: Iterable[Prompt]) -> dict[str, dict[str, int]]:
    rows = (
        PromptLabel.objects.order_by("name")
        .filter(prompt__in=[prompt.pk for prompt in prompts])
        .values_list("prompt_id", "name", "version__number")
    )
    labels: dict[str, dict[str, int]] = {}
    for key, name, number in rows:
        labels.setdefault(str(key), {})[name] = number
    return labels


def _as_item(prompt: Prompt, labels: dict[str, int]) -> bodies.PromptItem:
    return bodies.PromptItem(
        id=str(prompt.pk),
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        kind=cast("bodies.Kind", prompt.kind),
        syntax=cast("bodies.Syntax", prompt.syntax),
        status=cast("bodies.Status", prompt.status),
        tags=prompt.tags,
        labels=labels | {LATEST: prompt.current_version},
        newest_version=prompt.current_version,
        created_at=prompt.created_at,
        updated_at=prompt.updated_at,
    )
