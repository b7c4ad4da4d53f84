"""Variables of a test: lists expanded, files loaded, names resolved; as promptfoo does it."""

import itertools
import math
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.yaml_document import load_document
from evaluations.engine.numbers import stringify
from evaluations.engine.scorers.javascript import as_text
from evaluations.promptfoo.code import is_javascript_file, load_variable
from evaluations.promptfoo.files import Location, Source

__all__ = ["MOST_CASES", "combinations", "refuse_many", "resolve_variables"]

# Variables may name each other in a circle: after so many rounds what is still open stays so.
PASSES: Final = 5
MOST_COMBINATIONS: Final = 10_000  # of the lists of one test, or of a scenario
MOST_CASES: Final = 100_000  # of a file
# Characters that filling in a case's variables may make: each may contain the one before twice, so
# that a dozen lines would make gigabytes.
LARGEST: Final = 1_000_000
NAME: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}", re.ASCII)
IMAGES: Final[Mapping[str, str]] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
}
"""Images that services read; promptfoo makes data of them, with its type before it."""
BEGINNINGS: Final[Mapping[str, bytes]] = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
}
MEDIA: Final = (
    *(".bmp", ".svg", ".tif", ".tiff", ".ico", ".avif"),
    *(".heic", ".mp3", ".wav", ".m4a", ".ogg", ".flac", ".aac", ".mp4", ".mov", ".avi", ".webm"),
    *(".mkv", ".pdf"),
)


def combinations(
    source: Source, variables: Mapping[str, object], location: Location, *, expanded: bool
) -> Iterator[dict[str, object]]:
    """Yield each combination of the lists of texts and of the files that patterns match.

    Args:
        source: the configuration.
        variables: as the test gives them.
        location: where they stand.
        expanded: whether lists and patterns are taken apart.
    """
    choices = [[value] for value in variables.values()]
    if expanded:
        choices = [_list_choices(source, value, location) for value in variables.values()]
    refuse_many(math.prod(map(len, choices)), location)
    return (dict(zip(variables, values, strict=True)) for values in itertools.product(*choices))


def refuse_many(count: int, location: Location, most: int = MOST_COMBINATIONS) -> None:
    """Refuse more cases than a test or a file may make, before any of them is made.

    Raises:
        SuiteError: there are too many; says how many.
    """
    if count > most:
        raise SuiteError(
            "promptfoo.too-many-cases", at=location, count=f"{count:,}", most=f"{most:,}"
        )


def _list_choices(source: Source, value: object, location: Location) -> list[object]:
    if isinstance(value, str) and value.startswith("file://") and not is_javascript_file(value):
        paths = source.paths(value, location)
        if not paths:
            raise SuiteError("promptfoo.no-match", at=location, reference=value)
        return [f"file://{source.files.refer(path)}" for path in paths]
    # The first entry decides, as in promptfoo: a list of anything else is one value.
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value
    return [value]


def resolve_variables(
    source: Source, variables: Mapping[str, object], location: Location
) -> dict[str, object]:
    """Return variables with files read and the names of other variables filled in.

    Raises:
        SuiteError: a file cannot be read as a text; names the place.
    """
    # What was read in a document has been warned of there.
    silent = replace(source, warnings=[])
    values: dict[str, object] = {}
    for name, value in variables.items():
        if not isinstance(value, str):
            values[name] = value
            continue
        if value.startswith("file://") and is_javascript_file(value):
            made = load_variable(source, name, value, variables, location)
            values[name] = made.removesuffix("\n") if isinstance(made, str) else made
            continue
        text = _load_text(source, value, location) if value.startswith("file://") else value
        text = silent.fill_text(text, lambda _start: location)
        values[name] = text.removesuffix("\n")  # the line end of a file, or of a block in YAML
    for _pass_number in range(PASSES):
        if not _fill_names(values, location):
            break
    return values


def _find_media_type(data: bytes, suffix: str) -> str:
    """Return what an image is: as its first bytes say, else as it is called."""
    for media_type, beginning in BEGINNINGS.items():
        if data.startswith(beginning):
            return media_type
    return "image/webp" if data[8:12] == b"WEBP" else IMAGES[suffix]


def _load_text(source: Source, reference: str, location: Location) -> str:
    path = source.path(reference, location)
    suffix = path.suffix.lower()
    if suffix in IMAGES:
        data = source.files.read(path)
        return f"data:{_find_media_type(data, suffix)};base64,{b64encode(data).decode('ascii')}"
    if suffix in MEDIA:
        raise SuiteError("promptfoo.not-text", at=location, reference=reference)
    text = source.load_text(path)
    if suffix in (".yaml", ".yml"):
        return stringify(load_document(text, path.name).value)
    return text.strip()


def _fill_names(variables: dict[str, object], location: Location) -> bool:
    """Fill in the first name of each text; whether there was one."""
    changed = False
    length = 0
    for name, value in variables.items():
        if not isinstance(value, str):
            continue
        match = NAME.search(value)
        if match is None or match[1] not in variables:
            continue
        text = value.replace(match[0], as_text(variables[match[1]]), 1)
        variables[name] = text
        changed = True
        # Each may take in the one before, and that one what it has taken in.
        length += len(text)
        if length > LARGEST:
            raise SuiteError("promptfoo.values-too-long", at=location, most=f"{LARGEST:,}")
    return changed
