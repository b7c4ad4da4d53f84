"""A prompt with all its versions as Markdown files with front matter, made for git.

    support-reply.md                   the newest version; its front matter is the prompt's as well
    support-reply.versions/0001.md     each older one, which never changes again
    billing/dunning/first.md           the folders of a name are folders

The body is the content and one line feed. Everything is in a fixed order, so that an export of
what has not changed is the same to the byte.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import yaml

from core.language import gettext as _
from core.sentences import CodedError

__all__ = [
    "Archived",
    "ArchivedVersion",
    "BrokenFileError",
    "is_older",
    "is_ours",
    "list_files",
    "parse",
    "serialise",
]

SUFFIX: Final = ".md"
FOLDER: Final = ".versions"
FENCE: Final = "---\n"
LONGEST_PART: Final = 255 - len(FOLDER)  # bytes of a part of a path
OF_VERSION: Final = (
    "number",
    "author",
    "change_note",
    "created_at",
    "kind",
    "syntax",
    "variables",
    "config",
    "includes",
)
OF_PROMPT: Final = (
    "id",
    "name",
    "title",
    "description",
    "status",
    "tags",
    "user_id",
    "labels",
    "metadata",
)
KINDS_OF: Final[Mapping[str, tuple[type, str]]] = {
    **dict.fromkeys(("variables", "includes", "tags"), (list, "a list")),
    **dict.fromkeys(("config", "labels", "metadata"), (dict, "names with values")),
}


class BrokenFileError(CodedError, ValueError):
    """A file is not as it must be; `str()` names it and says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivedVersion:
    """One version."""

    number: int
    content: str
    author: str = ""
    change_note: str = ""
    created_at: str = ""
    """ISO 8601; empty: now."""
    kind: str = "text"
    syntax: str = "plain"
    variables: list[Any] = field(default_factory=list)
    config: dict[str, object] = field(default_factory=dict)
    includes: list[Any] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, slots=True)
class Archived:
    """A prompt and all its versions, the oldest first."""

    name: str
    title: str
    versions: tuple[ArchivedVersion, ...]
    id: str = ""
    """Its key, so that it is known again under another name; empty: a new one."""
    description: str = ""
    status: str = "draft"
    tags: list[Any] = field(default_factory=list)
    user_id: str = ""
    labels: dict[str, Any] = field(default_factory=dict)
    """Label → number of its version."""
    metadata: dict[str, object] = field(default_factory=dict)


def list_files(folder: Path) -> list[Path]:
    """Return the Markdown in a folder and below it, by name; hidden folders are left out."""
    files = []
    for path in sorted(folder.rglob(f"*{SUFFIX}")):
        folders = path.relative_to(folder).parts[:-1]
        if not any(part.startswith(".") for part in folders):
            files.append(path)
    return files


def is_ours(path: Path) -> bool:
    """Whether a file has front matter as we write it: other Markdown may lie beside ours."""
    with path.open("rb") as stream:
        if stream.readline() != FENCE.encode():
            return False
        for line in stream:
            if line == FENCE.encode():
                return False
            if line.startswith(b"number: "):
                return True
    return False


def is_older(path: str) -> bool:
    """Whether a path is that of an older version."""
    above = path.rpartition("/")[0]
    return above.endswith(FOLDER)


def serialise(prompt: Archived) -> dict[str, bytes]:
    """Return path → bytes of a prompt's files."""
    *older, newest = prompt.versions
    front = _front(prompt, OF_PROMPT) | _front(newest)
    stem = _build_path(prompt.name)
    files = {f"{stem}{SUFFIX}": _file(front, newest)}
    for version in older:
        # Four digits, so that a listing by name is in the versions' order.
        path = f"{stem}{FOLDER}/{version.number:04d}{SUFFIX}"
        files[path] = _file(_front(version), version)
    return files


def _build_path(name: str) -> str:
    """Return the path that a name stands for, without its suffix.

    File systems hold 255 bytes between two slashes. A longer part is cut; what it was stands in
    the file's front matter, and the mark, which no name holds, keeps it apart from all others.
    """
    parts = []
    for part in name.split("/"):
        raw = part.encode()
        if len(raw) > LONGEST_PART:
            digest = hashlib.sha256(raw).hexdigest()[:16]
            start = raw[: LONGEST_PART - len(digest) - 1].decode(errors="ignore")
            parts.append(f"{start}~{digest}")
        else:
            parts.append(part)
    return "/".join(parts)


def _front(row: Archived | ArchivedVersion, names: tuple[str, ...] = OF_VERSION) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _file(front: Mapping[str, object], version: ArchivedVersion) -> bytes:
    # No line is wrapped: a word more in a description would move all lines behind it in a diff.
    text = yaml.safe_dump(dict(front), allow_unicode=True, sort_keys=False, width=10**9)
    return f"{FENCE}{text}{FENCE}{version.content}\n".encode()


def parse(path: str, files: Mapping[str, bytes]) -> Archived:
    """Return the prompt whose newest version is the file `path`.

    Args:
        path: of the form "folder/name.md".
        files: path → bytes, the older versions among them.

    Raises:
        BrokenFileError: a file is not as it must be.
    """
    front, content = _split(path, files[path])
    folder = f"{path.removesuffix(SUFFIX)}{FOLDER}/"
    versions = []
    for name in sorted(files):
        if name.startswith(folder) and name.endswith(SUFFIX):
            older_front, older_content = _split(name, files[name])
            versions.append(_build_version(name, older_front, older_content))
    _refuse_unknown(path, front, {*OF_PROMPT, *OF_VERSION})
    of_version: dict[str, Any] = {name: front[name] for name in OF_VERSION if name in front}
    versions.append(_build_version(path, of_version, content))
    versions.sort(key=lambda version: version.number)
    numbers = [version.number for version in versions]
    if numbers != list(range(1, len(versions) + 1)):
        raise BrokenFileError(
            "backup.versions-kept",
            path=path,
            known=", ".join(map(str, numbers)),
            numbers=len(numbers),
        )
    # A name without a value counts as left out, as a person would mean it.
    fields = {name: front[name] for name in OF_PROMPT if front.get(name) is not None}
    _check_kinds(path, fields)
    fields.setdefault("name", path.removesuffix(SUFFIX))
    fields.setdefault("title", fields["name"])
    return Archived(versions=tuple(versions), **fields)


def _build_version(path: str, front: dict[str, Any], content: str) -> ArchivedVersion:
    _refuse_unknown(path, front, set(OF_VERSION))
    fields = {name: value for name, value in front.items() if value is not None}
    number = fields.setdefault("number", 1)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise BrokenFileError("backup.version-number", at=path)
    if isinstance(fields.get("created_at"), datetime | date):
        fields["created_at"] = fields["created_at"].isoformat()  # YAML reads one without quotes so
    _check_kinds(path, fields)
    return ArchivedVersion(content=content, **fields)


def _check_kinds(path: str, fields: Mapping[str, object]) -> None:
    for name, value in fields.items():
        kind, words = KINDS_OF.get(name, (str, "a string"))
        if name != "number" and not isinstance(value, kind):
            raise BrokenFileError("backup.value-type", at=path, name=name, words=words)


def _refuse_unknown(path: str, front: Mapping[str, object], known: set[str]) -> None:
    unknown = sorted(str(name) for name in front if name not in known)
    if unknown:
        raise BrokenFileError(
            "backup.unknown-key", at=path, unknown=unknown[0], known=", ".join(sorted(known))
        )


def _split(path: str, raw: bytes) -> tuple[dict[str, Any], str]:
    """Return front matter and content of a file."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BrokenFileError("backup.encoding", path=path) from None
    end = text.find(f"\n{FENCE}", len(FENCE) - 1)
    if not text.startswith(FENCE) or end < 0:
        raise BrokenFileError("backup.no-front-matter", path=path)
    try:
        front = yaml.safe_load(text[len(FENCE) : end + 1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        where = ""
        mark = getattr(error, "problem_mark", None)
        if mark:  # counts from 0, and from behind the fence
            where = _(" on line %(line)s") % {"line": mark.line + 2}
        raise BrokenFileError("backup.front-matter-syntax", at=path, where=where) from None
    if not isinstance(front, dict):
        raise BrokenFileError("backup.front-matter-shape", at=path)
    return front, text[end + 1 + len(FENCE) :].removesuffix("\n")
