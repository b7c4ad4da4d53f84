"""The prompts of a configuration: texts, and files of every kind that promptfoo reads."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError, UnknownProviderError
from evaluations.engine.formats.yaml_document import Document, load_document
from evaluations.engine.numbers import stringify
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.scripts import write_function_prompt
from evaluations.engine.types import FileLocation
from evaluations.promptfoo.code import is_javascript_file, read_script
from evaluations.promptfoo.environment import find_secret_variable
from evaluations.promptfoo.files import CODE, Location, Source
from evaluations.promptfoo.providers import load_files
from evaluations.promptfoo.requests import SENT

__all__ = ["PromptSource", "matches", "read_prompts"]

FILES: Final = (".txt", ".md", ".j2", ".json", ".jsonl", ".yaml", ".yml", ".csv")
SHOWN: Final = 60  # characters of a label: a column's heading has no room for more
MAX_REFERENCE: Final = 1000  # characters; what is longer is a prompt and no path
LINE_END: Final = re.compile(r"\r?\n")
KEYS: Final = frozenset({"id", "label", "raw", "config"})


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptSource:
    """A prompt of a configuration."""

    label: str
    """What it is called here."""
    raw: str
    """The text with its tags."""
    names: tuple[str, ...] = ()
    """What tests and providers may call it."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Settings of the models that are asked it, which count more than their own."""


def matches(reference: str, names: Iterable[str]) -> bool:
    """Whether a reference of a filter means something that has these names.

    It is a name, the beginning of one before a colon, or a beginning with * after it.
    """
    for name in names:
        if name == reference or name.startswith(f"{reference}:"):
            return True
        if reference.endswith("*") and name.startswith(reference[:-1]):
            return True
    return False


def read_prompts(source: Source, document: Document) -> list[PromptSource]:
    """Return the prompts of a configuration, in their order and each once.

    Raises:
        SuiteError: a file cannot be read, or would run code; names the place.
    """
    # Without prompts promptfoo sends the variable `prompt` of each test.
    entries = document.mapping.get("prompts") or "{{prompt}}"
    if isinstance(entries, Mapping):
        entries = [{"id": path, "label": label} for path, label in entries.items()]
    prompts: list[PromptSource] = []
    seen: list[object] = []  # a list: objects have no hash
    for number, entry in enumerate(entries if isinstance(entries, list) else [entries]):
        if entry not in seen:
            prompts += _read_entry(source, entry, document, number)
            seen.append(entry)
    return prompts


def _read_entry(
    source: Source, entry: object, document: Document, number: int
) -> Iterator[PromptSource]:
    location = document.location("prompts", number)
    if isinstance(entry, str):
        return _read_prompt(source, entry, {}, location)
    if not isinstance(entry, Mapping):
        raise SuiteError("promptfoo.prompt-shape", at=location)
    if "function" in entry:
        raise SuiteError("promptfoo.function", at=location)
    text = str(entry.get("raw") or entry.get("id") or "")
    for key in entry:
        if key not in KEYS:
            warning = _("“%(key)s” of a prompt is ignored") % {"key": key}
            source.warn(warning, document.location("prompts", number, key))
    if is_javascript_file(text):
        return _read_prompt(source, text, entry, location)
    settings = _read_config(source, entry.get("config"), document, number)
    prompts = _read_prompt(source, text, entry, location)
    return (replace(prompt, config=settings) for prompt in prompts)


def _read_config(
    source: Source, config: object, document: Document, number: int
) -> Mapping[str, object]:
    """Return what a prompt sets of the models that are asked it, with its files loaded.

    Raises:
        SuiteError: it is no object, or holds a key or a secret of the environment.
    """
    location = document.location("prompts", number, "config")
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise SuiteError("promptfoo.prompt-config", at=location)
    secret = find_secret(config)
    if secret:
        raise SuiteError("promptfoo.secret", at=location, secret=secret)
    name = find_secret_variable(config)
    if name:
        raise SuiteError("promptfoo.variable", at=location, name=name)
    settings: dict[str, object] = {}
    for key, value in config.items():
        if key in SENT:
            settings[key] = _load_setting(source, value, location)
            continue
        warning = _("“%(key)s” of a prompt is ignored") % {"key": key}
        source.warn(warning, document.location("prompts", number, "config", key))
    return settings


def _load_setting(source: Source, value: object, location: Location) -> object:
    try:
        return load_files(source, value, location)
    except UnknownProviderError:  # of code, which a setting cannot be
        raise SuiteError("promptfoo.code", at=location, reference=str(value)) from None


def _read_prompt(
    source: Source, raw: str, entry: Mapping[str, object], location: Location
) -> Iterator[PromptSource]:
    label = str(entry.get("label") or "")
    names = tuple(str(entry[key]) for key in ("label", "id") if entry.get(key))
    if raw.startswith("exec:"):
        raise SuiteError("promptfoo.code", at=location, reference=raw)
    if is_javascript_file(raw):
        yield _read_function(source, raw, entry, location)
        return
    paths = _find_paths(source, raw, location)
    if paths is None:
        yield PromptSource(label=label or raw[:SHOWN], raw=raw, names=names or (raw,))
        return
    for path in paths:
        text = source.load_text(path)
        whole = source.fill_text(text, partial(_locate_in, text, path.name))
        parts = list(_parts(path, whole))
        if not parts:
            raise SuiteError("promptfoo.no-prompt", at=location, name=path.name)
        for position, (text, name) in enumerate(parts, start=1):
            _warn_of_file(source, text, path)
            default = path.name if len(parts) == 1 else f"{path.name} #{position}"
            references = [name] if name else list(names)
            # promptfoo's own labels of a file's prompts are "label: text" and "path: text".
            references += [f"{reference}: {text}" for reference in references]
            references += [raw, f"{raw}: {text}"]
            yield PromptSource(label=name or label or default, raw=text, names=tuple(references))


def _read_function(
    source: Source, raw: str, entry: Mapping[str, object], location: Location
) -> PromptSource:
    """Return a prompt that a function of a file makes for each case."""
    reference = raw if raw.startswith("file://") else f"file://{raw}"
    script = read_script(source, reference, location)
    name = reference.removeprefix("file://")
    label = str(entry.get("label") or name)
    names = [str(entry[key]) for key in ("label", "id") if entry.get(key)]
    text = write_function_prompt(script, entry.get("config") or {})
    return PromptSource(label=label, raw=text, names=(*names, raw, name))


def _warn_of_file(source: Source, text: str, path: PurePosixPath) -> None:
    location = FileLocation(file=path.name)
    if path.suffix.lower() in (".json", ".yaml", ".yml") and '"file://' in text:
        source.warn(_("files that a prompt file refers to are not read"), location)


def _locate_in(text: str, file: str, start: int) -> FileLocation:
    """Return the place of a position in a file's text."""
    line = text.count("\n", 0, start) + 1
    column = start - text.rfind("\n", 0, start)
    return FileLocation(file=file, line=line, column=column)


def _find_paths(source: Source, raw: str, location: Location) -> list[PurePosixPath] | None:
    """Return the files that a text names, None where it is the prompt itself."""
    if raw.startswith("file://"):
        paths = source.paths(raw, location)
        if not paths:
            raise SuiteError("promptfoo.no-match", at=location, reference=raw)
        return paths
    if raw.startswith(("langfuse://", "portkey://", "helicone://", "http://", "https://")):
        source.path(raw, location)  # refuses it
    return _find_bare_paths(source, raw, location) if _looks_like_a_file(raw) else None


def _find_bare_paths(source: Source, raw: str, location: Location) -> list[PurePosixPath] | None:
    """Return the files that a text without file:// names, None where it is the prompt itself."""
    try:
        paths = [path for path in source.paths(raw, location) if source.files.exists(path)]
    except SuiteError:
        if " " in raw:
            return None  # a sentence with a stroke or dots in it is no path
        raise
    if paths or " " in raw:
        return paths or None
    if "*" not in raw:
        raise SuiteError("promptfoo.no-file", at=location, raw=raw)
    sentence = _("no file matches “%(raw)s”, so this text is used as the prompt")
    source.warn(sentence % {"raw": raw}, location)
    return None


def _looks_like_a_file(raw: str) -> bool:
    if len(raw) > MAX_REFERENCE or "\n" in raw or "{{" in raw or "{%" in raw:
        return False
    # A function of a file of code stands behind a colon: prompts.py:build.
    file, _colon, _function = raw.rpartition(":")
    if file.endswith(CODE):
        return True
    return raw.endswith((*FILES, *CODE)) or ("*" in raw and "/" in raw)


Part = tuple[str, str]  # a text, and its own label or ""


def _parts(path: PurePosixPath, whole: str) -> Iterator[Part]:
    """Yield the prompts of a file."""
    suffix = path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        there = ", ".join(FILES)
        raise SuiteError("promptfoo.prompt-suffix", at=path.name, there=there, suffix=suffix)
    return iter(reader(whole))


def _split_text(text: str) -> Iterator[Part]:
    # promptfoo separates the prompts of a text file with lines of three dashes.
    lines: list[str] = []
    for line in [*LINE_END.split(text), "---"]:  # one more, so that the last prompt ends as well
        if line.strip() != "---":
            lines.append(line)
            continue
        prompt = "\n".join(lines).strip()
        lines = []
        if prompt:
            yield prompt, ""


def _whole(text: str) -> Iterator[Part]:
    yield text, ""


def _json(text: str) -> Iterator[Part]:
    try:
        yield stringify(json.loads(text)), ""
    except (ValueError, RecursionError):
        yield text, ""  # as promptfoo takes it


def _yaml(text: str) -> Iterator[Part]:
    try:
        yield stringify(load_document(text).value), ""
    except SuiteError:
        yield text, ""  # as promptfoo takes it


def _lines(text: str) -> Iterator[Part]:
    for line in LINE_END.split(text):
        if line:
            yield line, ""


def _table(text: str) -> Iterator[Part]:
    if "," not in text:
        # One column: each line is a prompt, with or without a heading.
        lines = [line for line in LINE_END.split(text) if line.strip()]
        if lines and lines[0].strip().lower() == "prompt":
            lines = lines[1:]
        for line in lines:
            yield line, ""
        return
    for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
        fields = {str(key).strip(): str(cell or "").strip() for key, cell in row.items()}
        if fields.get("prompt"):
            yield fields["prompt"], fields.get("label", "")


READERS: Final[Mapping[str, Callable[[str], Iterable[Part]]]] = {
    ".txt": _split_text,
    ".md": _whole,
    ".j2": _whole,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".jsonl": _lines,
    ".csv": _table,
}
