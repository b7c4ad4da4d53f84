"""Writes to prompts and their versions.

A prompt's content is always that of its newest version: a change of content makes the next one,
and going back to an old one copies it forward. Every writer locks the prompt by the transaction
it opens (IMMEDIATE on SQLite), so that numbers have no gaps and no twins.
"""

import hashlib
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from autoforge.core.errors import NotFoundError, StaleEditError
from autoforge.core.json import JSONObject
from autoforge.core.writing import check_fields, find_row, refuse_unknown
from prompts.models import Prompt, PromptVersion

__all__ = [
    "archive_prompt",
    "build_version",
    "content_hash",
    "create_prompt",
    "delete_prompt",
    "edit_prompt",
    "new_prompt",
    "new_version",
    "restore_prompt",
    "restore_version",
    "set_status",
]

PromptId = UUID | str
EDITABLE: Final = frozenset({"title", "content", "user_id", "status", "tags", "metadata"})


def content_hash(content: str) -> str:
    """Return the SHA-256 of `content` in UTF-8 as 64 hexadecimal characters."""
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def new_prompt(
    *,
    title: str,
    content: str,
    user_id: str = "",
    status: str = Prompt.Status.DRAFT,
    tags: list[str] | None = None,
    metadata: JSONObject | None = None,
) -> Prompt:
    """Return a checked prompt that is not in the database yet.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    prompt = Prompt(
        title=title,
        content=content,
        user_id=user_id,
        status=status,
        tags=tags or [],
        metadata=metadata or {},
    )
    check_fields(prompt)
    return prompt


def build_version(prompt: Prompt, *, author: str = "", change_note: str = "") -> PromptVersion:
    """Return the version of what `prompt` says now, neither checked nor in the database yet."""
    return PromptVersion(
        prompt=prompt,
        number=prompt.current_version,
        content=prompt.content,
        content_hash=content_hash(prompt.content),
        author=author,
        change_note=change_note,
    )


def new_version(prompt: Prompt, *, author: str = "", change_note: str = "") -> PromptVersion:
    """Return the version of what `prompt` says now, checked and not in the database yet.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    version = build_version(prompt, author=author, change_note=change_note)
    check_fields(version, exclude={"prompt"})
    return version


@transaction.atomic
def create_prompt(*, title: str, content: str, author: str = "", **fields: Any) -> Prompt:
    """Create a prompt and its version 1.

    Args:
        title: 1 to 255 characters.
        content: kept exactly as it is, white space included; not blank.
        author: who writes it, recorded with the version.
        **fields: `user_id`, `status`, `tags`, `metadata` of the prompt, and the version's
            `change_note`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    change_note = fields.pop("change_note", "")
    refuse_unknown(fields, EDITABLE)
    prompt = new_prompt(title=title, content=content, **fields)
    version = new_version(prompt, author=author, change_note=change_note)
    prompt.save(force_insert=True)
    version.save(force_insert=True)
    return prompt


@transaction.atomic
def edit_prompt(
    *,
    prompt_id: PromptId,
    author: str = "",
    change_note: str = "",
    expected_version: int | None = None,
    **changes: Any,
) -> Prompt:
    """Change fields of a prompt; other content becomes the next version.

    Args:
        prompt_id: the prompt.
        author: who edits it, recorded with the version.
        change_note: why, recorded with the version.
        expected_version: the current version when the editor began, where that is known.
        **changes: any of `title`, `content`, `user_id`, `status`, `tags`, `metadata`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such prompt, or it is deleted.
        StaleEditError: there is a newer version than `expected_version`.
    """
    refuse_unknown(changes, EDITABLE)
    prompt = find_row(Prompt, prompt_id)
    if expected_version is not None and prompt.current_version != expected_version:
        raise StaleEditError(
            f"“{prompt.title}” is at version {prompt.current_version} by now, and this edit began "
            f"at version {expected_version}: look at the newer version, then edit again"
        )
    before = {name: getattr(prompt, name) for name in changes}
    for name, value in changes.items():
        setattr(prompt, name, value)
    changed = {name for name in changes if changes[name] != before[name]}
    if changed:
        _save_changes(prompt, changed, author=author, change_note=change_note)
    return prompt


def _save_changes(prompt: Prompt, changed: set[str], *, author: str, change_note: str) -> None:
    check_fields(prompt)
    if "content" in changed:
        prompt.current_version += 1
        new_version(prompt, author=author, change_note=change_note).save(force_insert=True)
        changed = changed | {"current_version"}
    prompt.save(update_fields=changed)


@transaction.atomic
def restore_version(
    *, prompt_id: PromptId, number: int, author: str = "", change_note: str = ""
) -> Prompt:
    """Make the content of version `number` current, as a new version.

    Where the content is current already nothing changes.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
    """
    version = PromptVersion.objects.filter(
        prompt=find_row(Prompt, prompt_id), number=number
    ).first()
    if version is None:
        raise NotFoundError(f"the prompt has no version {number}")
    return edit_prompt(
        prompt_id=prompt_id,
        content=version.content,
        author=author,
        change_note=change_note or f"Restored version {number}",
    )


def archive_prompt(*, prompt_id: PromptId) -> Prompt:
    """Retire a prompt; it stays in the lists.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted.
    """
    return edit_prompt(prompt_id=prompt_id, status=Prompt.Status.ARCHIVED)


def set_status(prompts: QuerySet[Prompt], *, status: Prompt.Status) -> int:
    """Give all `prompts` the status; return how many had another one."""
    return prompts.exclude(status=status).update(status=status)


@transaction.atomic
def delete_prompt(*, prompt_id: PromptId) -> None:
    """Mark a prompt as deleted; its versions and evaluations stay.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted already.
    """
    find_row(Prompt, prompt_id).delete()


@transaction.atomic
def restore_prompt(*, prompt_id: PromptId) -> Prompt:
    """Take a deleted prompt back.

    Raises:
        NotFoundError: there is no such prompt, or it is not deleted.
    """
    prompt = find_row(Prompt, prompt_id, deleted=True)
    prompt.restore()
    return prompt
