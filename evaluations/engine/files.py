"""The files that suites, configurations and recorded answers may name: nothing else opens any.

    Files (the protocol)
    ├── Folder       a folder of this machine, for commands: nothing outside it is ever read
    ├── Uploads      what was sent with a form: no file of this machine exists there
    ├── RunFiles     recorded answers of a run that a command starts
    └── NO_FILES     pages and workers: there is none

A name is checked as it stands, again where its links lead, and once more while it is opened: each
folder on the way is opened without following links, so nothing can be swapped in between. Every
refusal is the same sentence whether the file outside exists or not.
"""

import fnmatch
import os
import posixpath
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from evaluations.engine.errors import SuiteError

__all__ = [
    "MAX_FILE_BYTES",
    "NO_FILES",
    "Files",
    "Folder",
    "RunFiles",
    "Uploads",
    "find_reference",
    "is_pattern",
]

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_NAME: Final = 4096  # characters of a reference; no file system takes a longer path
MAX_PATTERNS: Final = 256  # that one with braces stands for
MAX_STEPS: Final = 1_000_000  # comparisons of names with patterns for one configuration, about 1 s
ENTRY_STEPS: Final = 4  # that an entry of a folder takes as long as
SHOWN: Final = 100  # characters of a reference in a sentence
SECRET_LENGTH: Final = 8  # shorter values stand in texts by chance
MAGIC: Final = re.compile(r"[*?\[]")
SURROGATES: Final = re.compile("[\ud800-\udfff]")
BRACES: Final = re.compile(r"\{([^{}]*,[^{}]*)\}")
# Devices and what the kernel shows as files: the environment of a process holds every key.
SYSTEM_FOLDERS: Final = ("/dev", "/proc", "/sys", "/run/secrets")
FOLDER_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Files(Protocol):
    """Where the files that a text names are looked for."""

    def locate(self, name: str) -> PurePosixPath:
        """Return the path below the folder that a name means; the file need not exist.

        Raises:
            SuiteError: it is not inside.
        """

    def match(self, pattern: str) -> list[PurePosixPath]:
        """Return the files that a pattern with `*`, `?`, `[…]`, `**` or `{a,b}` means, sorted.

        Raises:
            SuiteError: a part of it is not inside, or it stands for too much.
        """

    def refer(self, path: PurePosixPath) -> str:
        """Return the name that `locate` takes for a path."""

    def exists(self, name: PurePosixPath) -> bool:
        """Whether there is a file of that name inside."""

    def read(self, name: PurePosixPath) -> bytes:
        """Return what a file holds.

        Raises:
            SuiteError: it is not inside, cannot be read, is no regular file or too large.
        """


def find_reference(value: object) -> str:
    """Return the first text of a JSON value that names a file, "" where none does."""
    pending = [value]
    while pending:
        # From the end, and children put there in reverse: texts come in the order of the file.
        inner = pending.pop()
        if isinstance(inner, str) and inner.startswith("file://"):
            return inner
        if isinstance(inner, Mapping):
            pending += reversed(list(inner.values()))
        elif isinstance(inner, list):
            pending += reversed(inner)
    return ""


def is_pattern(name: str) -> bool:
    """Whether a name may stand for several files."""
    return bool(MAGIC.search(name) or BRACES.search(name))


def _quote(name: object) -> str:
    """Return a name for a sentence: short, and on one line."""
    text = "".join(char if char.isprintable() else "�" for char in str(name))
    if len(text) > SHOWN:
        text = f"{text[: SHOWN - 1]}…"
    return f"“{text}”"


def _refuse_outside(name: object) -> SuiteError:
    return SuiteError("file.outside", name=_quote(name))


def _split(name: str, base: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the parts of a relative path, without leaving the root on the way.

    Args:
        name: the path.
        base: the folder below the root that it begins in; a person named that one.

    Raises:
        SuiteError: it does leave, or is the name of no file.
    """
    if len(name) > MAX_NAME or "\0" in name or _has_surrogate(name):
        raise SuiteError("file.name", name=_quote(name))
    if name.startswith(("/", "~")):
        raise _refuse_outside(name)
    parts = list(base)
    for part in name.split("/"):
        if part == "..":
            if not parts:
                raise _refuse_outside(name)
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if _is_hidden(parts, base):
        raise _refuse_hidden(name)
    return tuple(parts)


def _is_hidden(parts: Sequence[str], base: Sequence[str]) -> bool:
    """Whether a path leads to what is hidden, its own folder aside, which a person named."""
    own = tuple(parts[: len(base)]) == tuple(base)
    return any(part.startswith(".") for part in parts[len(base) if own else 0 :])


def _has_surrogate(text: str) -> bool:
    return bool(SURROGATES.search(text))


def _refuse_hidden(name: object) -> SuiteError:
    return SuiteError("file.hidden", name=_quote(name))


def _without_braces(pattern: str) -> list[str]:
    """Return the patterns that one with {a,b} stands for.

    Raises:
        SuiteError: there are too many.
    """
    if len(pattern) > MAX_NAME:
        raise SuiteError("file.name", name=_quote(pattern))
    finished: list[str] = []
    pending = [pattern]
    while pending:
        text = pending.pop()
        braces = BRACES.search(text)
        if braces is None:
            finished.append(text)
            continue
        choices = braces[1].split(",")
        if len(finished) + len(pending) + len(choices) > MAX_PATTERNS:
            raise SuiteError(
                "file.too-many-patterns", name=_quote(pattern), limit=f"{MAX_PATTERNS:,}"
            )
        before, after = text[: braces.start()], text[braces.end() :]
        pending += [f"{before}{choice}{after}" for choice in choices]
    return finished


class _Steps:
    """Counts comparisons with patterns, so that a configuration cannot have them made for ever."""

    def __init__(self) -> None:
        self._count = 0

    def add(self, pattern: str, count: int) -> None:
        """Count some more.

        Raises:
            SuiteError: there were too many.
        """
        self._count += count
        if self._count > MAX_STEPS:
            raise SuiteError("file.too-much-matching", at=_quote(pattern))


Way = tuple[PurePosixPath, tuple[str, ...]]
"""A path below a folder, and the segments of a pattern that are still to be found below it."""


class Folder:
    """A folder of this machine, and everything below it.

    Hidden files are not read (`.env`, `.git`, `.netrc`): nobody keeps a suite there, many keep
    keys. A file that holds one of the secrets is refused as well: they belong in the environment.

    Args:
        path: the folder in which names begin; it may be reached by links.
        root: a folder above it that is the border from here on; else it is one itself.
        own_name: the one file that a person typed, which may be hidden.
        secrets: names and values of variables that stand in no file.

    Raises:
        SuiteError: it is the name of no folder, or not below the root.
    """

    def __init__(
        self,
        path: Path,
        *,
        root: Path | None = None,
        own_name: str = "",
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        try:
            start = Path(os.path.realpath(path))
            self.path = start if root is None else Path(os.path.realpath(root))
        except ValueError:  # of NUL, and of half a character
            raise SuiteError("file.name", name=_quote(path)) from None
        if not start.is_relative_to(self.path):
            raise SuiteError("file.not-below-root", name=_quote(path), root=_quote(root))
        self._base = start.relative_to(self.path).parts
        self._own_name = own_name
        self._secrets = secrets or {}
        self._steps = _Steps()

    @classmethod
    def beside(
        cls,
        file: Path,
        secrets: Mapping[str, str] | None = None,
        *,
        root: Path | None = None,
    ) -> "Folder":
        """Return the folder that a file lies in which a person typed.

        The file itself may be a link, but only to a file in its own folder (or below the root):
        otherwise whoever can change a repository could make a command read any file.
        """
        return cls(file.parent, root=root, own_name=file.name, secrets=secrets)

    def locate(self, name: str) -> PurePosixPath:
        """Return the path below the root that a name means; the file need not exist.

        Raises:
            SuiteError: it is not inside.
        """
        if name == self._own_name and "/" not in name:
            relative = PurePosixPath(*self._base, name)
        elif name.startswith(f"{self.path}/"):
            relative = PurePosixPath(*_split(name.removeprefix(f"{self.path}/")))
        else:
            relative = PurePosixPath(*_split(name, self._base))
        self.resolve(relative, name)
        return relative

    def refer(self, path: PurePosixPath) -> str:
        """Return the name that `locate` takes for a path."""
        return posixpath.relpath(path, PurePosixPath(*self._base))

    def resolve(self, relative: PurePosixPath, name: object = "") -> tuple[str, ...]:
        """Return the parts of a path below the folder once all of its links are followed.

        Args:
            relative: the path as it was written.
            name: how a sentence calls it.

        Raises:
            SuiteError: a link leads outside, to a hidden file or to what the kernel shows.
        """
        name = name or relative
        root = str(self.path).rstrip("/")
        try:
            real = os.path.realpath(self.path / relative)
        except ValueError:
            raise SuiteError("file.name", name=_quote(name)) from None
        if real == str(self.path):
            return ()
        if not real.startswith(f"{root}/"):
            raise _refuse_outside(name)
        parts = tuple(real[len(root) + 1 :].split("/"))
        own = (*self._base, self._own_name)
        is_own = parts == own and relative.parts == own
        if not is_own and _is_hidden(parts, self._base):
            raise _refuse_hidden(name)
        for system in SYSTEM_FOLDERS:
            # A folder within one of them that a person named is read.
            if f"{real}/".startswith(f"{system}/") and not f"{root}/".startswith(f"{system}/"):
                raise SuiteError("file.irregular", name=_quote(name))
        return parts

    def exists(self, name: PurePosixPath) -> bool:
        """Whether there is a file of that name inside.

        Raises:
            SuiteError: it is not inside.
        """
        return self.path.joinpath(*self.resolve(name)).is_file()

    def read(self, name: PurePosixPath) -> bytes:
        """Return what a file holds.

        Raises:
            SuiteError: it is not inside, cannot be read, is no regular file or too large.
        """
        parts = self.resolve(name)
        try:
            content = _read_below(str(self.path), parts, name.name)
        except OSError as error:
            raise SuiteError("file.unreadable", name=name.name, reason=error.strerror) from None
        for variable, secret in self._secrets.items():
            if len(secret) >= SECRET_LENGTH and secret.encode() in content:
                raise SuiteError("file.holds-secret", name=name.name, variable=variable)
        return content

    def match(self, pattern: str) -> list[PurePosixPath]:
        """Return the files that a pattern means, sorted.

        Raises:
            SuiteError: a part of it is not inside, or it stands for too much.
        """
        names: set[PurePosixPath] = set()
        for text in _without_braces(pattern):
            names.update(self._find(_split(text, self._base)))
        return sorted(names)

    def _find(self, segments: tuple[str, ...]) -> Iterator[PurePosixPath]:
        """Yield the files that a pattern in its parts means."""
        pending: list[Way] = [(PurePosixPath(), segments)]
        # Several ** come to the same folder by many ways: each is walked once.
        seen = set(pending)
        while pending:
            path, rest = pending.pop()
            for way in self._follow(path, rest):
                target, left = way
                if not left:
                    yield target
                elif way not in seen:
                    seen.add(way)
                    pending.append(way)

    def _follow(self, path: PurePosixPath, segments: tuple[str, ...]) -> Iterator[Way]:
        """Yield what the first segment leads to: a path, and the segments that are left."""
        if not segments:
            return
        segment, rest = segments[0], segments[1:]
        if segment == "**":
            yield path, rest or ("*",)
            for name in self._list(path, "*", "d"):
                yield path / name, segments
            return
        names = self._list(path, segment, "") if MAGIC.search(segment) else [segment]
        for name in names:
            inner = path / name
            # A link is looked behind only once it is known to stay inside.
            target = self.path.joinpath(*self.resolve(inner))
            # Folders on the way, and at the end what is none; a broken link is refused when read.
            if target.is_dir() == bool(rest) and os.path.lexists(target):
                yield inner, rest

    def _list(self, path: PurePosixPath, segment: str, kind: str) -> list[str]:
        """Return the names in a folder that a segment means; of kind "d" folders, without links."""
        names = []
        try:
            with os.scandir(self.path.joinpath(*self.resolve(path))) as entries:
                for entry in entries:
                    self._steps.add(segment, ENTRY_STEPS)
                    if entry.name.startswith(".") or _has_surrogate(entry.name):
                        continue
                    if kind == "d" and not entry.is_dir(follow_symlinks=False):
                        continue  # a link could lead back up
                    if fnmatch.fnmatchcase(entry.name, segment):
                        names.append(entry.name)
        except OSError:
            return []  # no folder, or not ours to read: nothing matches there
        return names


def _read_below(root: str, parts: Sequence[str], name: str) -> bytes:
    """Read a regular file below a folder, following no link on the way.

    Raises:
        OSError: it cannot be opened; a link that has come since it was looked at among the reasons.
        SuiteError: it is no regular file, or too large.
    """
    if not parts:
        raise SuiteError("file.irregular", name=_quote(name))
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, FOLDER_FLAGS, dir_fd=folder)
            os.close(folder)
            folder = inner
        # A device may act when it is opened: it is looked at before.
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
            raise SuiteError("file.irregular", name=_quote(name))
        handle = os.open(parts[-1], FILE_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)
    return _read_regular(handle, name)


def _read_regular(handle: int, name: str) -> bytes:
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise SuiteError("file.irregular", name=_quote(name))
        if status.st_size > MAX_FILE_BYTES:
            megabytes = MAX_FILE_BYTES // 1024 // 1024
            raise SuiteError("file.too-large", name=_quote(name), megabytes=megabytes)
        content = stream.read(status.st_size + 1)
    # What the kernel shows as files says a size of 0, or of a page, and holds something else.
    if len(content) > status.st_size:
        raise SuiteError("file.changed", name=_quote(name))
    return content


class Uploads:
    """Files that were sent with a form, by their names; of this machine there is none.

    Args:
        contents: name, perhaps with folders before it → what the file holds.
        base: the folder among them in which names begin.
    """

    def __init__(self, contents: Mapping[str, bytes], *, base: str = "") -> None:
        self._contents = contents
        self._base = PurePosixPath(base).parts
        self._steps = _Steps()

    def locate(self, name: str) -> PurePosixPath:
        """Return the path that a name means; the file need not exist.

        Raises:
            SuiteError: it is not inside.
        """
        return PurePosixPath(*_split(name, self._base))

    def refer(self, path: PurePosixPath) -> str:
        """Return the name that `locate` takes for a path."""
        return posixpath.relpath(path, PurePosixPath(*self._base))

    def exists(self, name: PurePosixPath) -> bool:
        """Whether a file of that name was sent."""
        return str(name) in self._contents

    def read(self, name: PurePosixPath) -> bytes:
        """Return what a file holds.

        Raises:
            SuiteError: it was not sent.
        """
        try:
            return self._contents[str(name)]
        except KeyError:
            raise SuiteError("file.not-uploaded", name=_quote(name)) from None

    def match(self, pattern: str) -> list[PurePosixPath]:
        """Return the files that a pattern means, sorted.

        Raises:
            SuiteError: it leads outside, or stands for too much.
        """
        names: set[PurePosixPath] = set()
        for text in _without_braces(pattern):
            segments = _split(text, self._base)
            for name in map(PurePosixPath, self._contents):
                self._steps.add(pattern, len(name.parts) * len(segments) + 1)
                if _matches(name.parts, segments):
                    names.add(name)
        return sorted(names)


def _matches(parts: Sequence[str], segments: Sequence[str]) -> bool:
    """Whether the parts of a path are what the segments of a pattern mean.

    A row of a table at a time, as for the distance of two words: no pattern takes longer than
    parts times segments.
    """
    reached = {0}
    for segment in segments:
        following = set[int]()
        for position in reached:
            if segment == "**":
                following.update(range(position, len(parts) + 1))
            elif position < len(parts) and fnmatch.fnmatchcase(parts[position], segment):
                following.add(position + 1)
        reached = following
    return len(parts) in reached


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Recorded answers of a run that a command works on.

    Args:
        folder: of the configuration; its files may be named there.
        typed: the paths that a person typed on the command line, read wherever they are.
    """

    folder: Folder | None = None
    typed: frozenset[str] = frozenset()

    def read(self, name: str) -> bytes:
        """Return what a file holds.

        Raises:
            SuiteError: neither typed nor inside of the folder, or it cannot be read.
        """
        if name in self.typed:
            path = Path(name)
            folder = Folder.beside(path)
            return folder.read(folder.locate(path.name))
        if self.folder is not None:
            return self.folder.read(self.folder.locate(name))
        raise SuiteError("file.recorded-elsewhere")

    def full_name(self, name: str) -> str:
        """Return the path of a file from the root on, so that a later command finds it.

        Raises:
            SuiteError: as `read` does, for what can be told from the name.
        """
        if name in self.typed:
            return str(Path(name).absolute())
        if self.folder is not None:
            return str(self.folder.path / self.folder.locate(name))
        return name


NO_FILES: Final = RunFiles()
