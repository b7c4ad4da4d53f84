"""Suites in files: the one way in for every format, and the one way out."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Final

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import InvalidInputError
from core.sentences import Sentence
from core.tables import SUFFIXES, Limits, Table, UnreadableError, detect_format
from core.tables.encodings import decode
from core.uploads import MEBIBYTE
from evaluations.engine.errors import SuiteError
from evaluations.engine.files import Files, Folder
from evaluations.engine.formats.suite_file import is_suite_file, read_suite_file, write_suite_file
from evaluations.engine.formats.table_writers import write_csv, write_jsonl
from evaluations.engine.formats.tables import open_suite_table, read_table
from evaluations.engine.formats.yaml_document import load_document
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.types import ImportNotice, Suite
from evaluations.promptfoo.config import PromptfooConfig, read_config
from evaluations.promptfoo.csv import find_special
from evaluations.promptfoo.export import write_promptfoo
from evaluations.promptfoo.templates import fill_text

__all__ = [
    "FORMATS",
    "UPLOAD_LIMITS",
    "SuiteFormat",
    "find_repository",
    "folder_beside",
    "read_suite",
    "read_suite_in",
    "write_suite",
]


# What is sent is answered within a request's time; whoever has more uses the command.
UPLOAD_LIMITS: Final = Limits(size_bytes=20 * MEBIBYTE, records=10_000, values=500_000)
LONGEST_NAME: Final = 240  # of a case; the column holds 255, and a number may follow


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteFormat:
    """One format that suites are written in."""

    suffix: str
    """How a file of it ends, without a dot before it."""
    write: Callable[[Suite], str]
    """Returns a suite as the text of a file."""


FORMATS: Final[Mapping[str, SuiteFormat]] = {
    "yaml": SuiteFormat(suffix="yaml", write=write_suite_file),
    "promptfoo": SuiteFormat(suffix="promptfooconfig.yaml", write=write_promptfoo),
    "csv": SuiteFormat(suffix="csv", write=write_csv),
    "jsonl": SuiteFormat(suffix="jsonl", write=write_jsonl),
}
"""By the name that a command and a page have for it; one more is a line here."""


def read_suite(
    path: Path,
    *,
    name: str = "",
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, object] | None = None,
) -> Suite:
    """Return the suite of a file of this machine that someone typed; for commands alone.

    Args:
        path: the file; what it names is read in its folder and nowhere else.
        name: what the suite is to be called; else what the file says, else the file's name.
        mapping: for plain tables: column → part of a case.
        assertion: for plain tables: the check of each case that has none.

    Raises:
        SuiteError: one sentence with file, line and column.
    """
    files = folder_beside(path)
    return read_suite_in(files, path.name, name=name, mapping=mapping, assertion=assertion)


def folder_beside(path: Path, root: Path | None = None) -> Folder:
    """Return the folder of a file that someone typed; no file in it may contain a key of ours.

    Args:
        path: the file.
        root: a folder above it, in which all files may be named; else that of its git repository.

    Raises:
        SuiteError: the file is not below the root.
    """
    environment = settings.PROVIDER_ENVIRONMENT
    # The rest of it are addresses and models, which files may well name.
    keys = {name: value for name, value in environment.items() if find_secret({name: value})}
    secrets = {"SECRET_KEY": settings.SECRET_KEY, **keys}
    return Folder.beside(path, secrets, root=root or find_repository(path))


def find_repository(path: Path) -> Path | None:
    """Return the git repository that a file lies in, None where it lies in none.

    The root of all files and a home folder are none, though some people version those: what lies
    there is not what belongs to a configuration.
    """
    try:
        folder = path.resolve().parent
        home = Path.home().resolve()
    except (OSError, RuntimeError, ValueError):
        return None
    for candidate in (folder, *folder.parents):
        if candidate in (home, Path(candidate.anchor)):
            return None
        git = candidate / ".git"
        # In a worktree and a submodule it is a file that names the folder.
        if git.is_file() or (git / "HEAD").is_file():
            return candidate
    return None


def read_suite_in(
    files: Files,
    file: str,
    *,
    name: str = "",
    default_name: str = "",
    mapping: Mapping[str, str] | None = None,
    assertion: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> Suite:
    """Return the suite of a file in any of the known formats.

    A table with one of promptfoo's own columns, such as __expected, is promptfoo's.

    Args:
        files: where the file is, and everything that it may name.
        file: its name there.
        name: what the suite is to be called; else what the file says, else `default_name`.
        default_name: else the file's name.
        mapping: for plain tables: column → part of a case.
        assertion: for plain tables: the check of each case that has none.
        limits: how much of a table is read.

    Raises:
        SuiteError: one sentence with file, line and column; also where there is no case at all.
        InvalidInputError: `mapping` or `assertion` does not apply to the file.
    """
    default_name = default_name or PurePath(file).stem
    file_format = detect_format(file)
    if file_format is None:
        raise SuiteError("suite.suffix", at=file, known=", ".join(SUFFIXES))
    options = _TableOptions(name=name or default_name, mapping=mapping, assertion=assertion)
    if file_format in ("csv", "xlsx"):
        suite = _read_columns(files, file, options, limits)
    elif file_format == "jsonl":
        suite = _read_list(files, file, options, limits)
    else:
        suite = _read_document(files, file, name, options, limits)
    if not suite.cases:
        raise SuiteError("suite.empty", at=file)
    return suite


@dataclass(frozen=True, kw_only=True, slots=True)
class _TableOptions:
    """What the caller says of a plain table, one whose columns nothing else explains."""

    name: str
    """What its suite is to be called."""
    mapping: Mapping[str, str] | None
    """Column → part of a case."""
    assertion: Mapping[str, object] | None
    """The check of each case that has none."""

    def read(self, table: Table, file: str) -> Suite:
        """Return the suite of a plain table."""
        return read_table(
            table, file, name=self.name, mapping=self.mapping, assertion=self.assertion
        )

    def refuse_for(self, kind: str) -> None:
        """Refuse what does not apply to a file that says itself what is checked.

        Raises:
            InvalidInputError: with the option.
        """
        problems: dict[str, Sentence] = {}
        if self.mapping:
            problems["mapping"] = Sentence("table.option", kind=kind)
        if self.assertion:
            problems["assertion"] = Sentence("table.option", kind=kind)
        if problems:
            raise InvalidInputError(problems)


def _read_columns(files: Files, file: str, options: _TableOptions, limits: Limits | None) -> Suite:
    """Return the suite of a table with a header, ours, promptfoo's or a plain one."""
    raw = files.read(files.locate(file))
    table = open_suite_table(raw, file, limits=limits, mapping=options.mapping or ())
    special = find_special(table)
    if special is None:
        return options.read(table, file)
    kind = _("a table with the promptfoo column “%(column)s”") % {"column": special}
    options.refuse_for(kind)
    return _read_tests(files, file, options.name)


def _read_list(files: Files, file: str, options: _TableOptions, limits: Limits | None) -> Suite:
    """Return the suite of a list of promptfoo's tests, or of rows of a plain table."""
    table = open_suite_table(files.read(files.locate(file)), file, limits=limits)
    if not any(_is_test(record.value) for record in table):
        return options.read(table, file)
    options.refuse_for(_("a list of promptfoo tests"))
    return _read_tests(files, file, options.name)


def _is_test(value: object) -> bool:
    """Whether an entry of a list is one of promptfoo's tests."""
    if not isinstance(value, dict) or value.keys() & {"variables", "assertions"}:
        return False
    return isinstance(value.get("vars"), dict) or isinstance(value.get("assert"), list)


def _read_document(
    files: Files, file: str, name: str, options: _TableOptions, limits: Limits | None
) -> Suite:
    """Return the suite of YAML or JSON: ours, a promptfoo configuration, or a list."""
    text = _text(files, file)
    document = load_document(text, file)
    if isinstance(document.value, list):
        return _read_list(files, file, options, limits)
    if is_suite_file(document):
        options.refuse_for(_("an AutoForge suite"))
        suite = read_suite_file(text, file)
        return replace(suite, name=name) if name else suite
    options.refuse_for(_("a promptfoo configuration"))
    suite = _without_prompts(read_config(files, file, fill_text))
    return replace(_unique(suite), name=name or suite.name[:255])


def _read_tests(files: Files, file: str, name: str) -> Suite:
    """Return promptfoo's tests, read by way of a configuration that names them."""
    config = read_config(files, file, fill_text, tests_only=True)
    return replace(_unique(_without_prompts(config)), name=name)


def _without_prompts(config: PromptfooConfig) -> Suite:
    """Return the suite of a configuration, with a notice of what depends on its prompts."""
    suite = config.suite
    messages: list[str] = []
    if any(case.prefix or case.suffix for case in suite.cases):
        messages.append(
            _("“prefix” and “suffix” are ignored; they belong to prompts, and a suite has none")
        )
    if any(test.prompts is not None or test.providers is not None for test in config.cases):
        messages.append(
            _("“prompts” and “providers” of tests are ignored; each column gets every case")
        )
    cases = [replace(case, prefix="", suffix="") for case in suite.cases]
    notices = [ImportNotice(message=message) for message in messages]
    return replace(suite, cases=tuple(cases), warnings=(*suite.warnings, *notices))


def _text(files: Files, file: str) -> str:
    try:
        text, _notes = decode(files.read(files.locate(file)))
    except UnreadableError as error:
        raise SuiteError(error.sentence, at=file) from None
    return text


def _unique(suite: Suite) -> Suite:
    """Return a suite whose cases have different names: the second x is called x (2)."""
    seen: Counter[str] = Counter()
    cases = []
    for case in suite.cases:
        seen[case.name] += 1
        name = case.name[:LONGEST_NAME]
        if seen[case.name] > 1:
            name += f" ({seen[case.name]})"
        cases.append(replace(case, name=name))
    return replace(suite, cases=tuple(cases))


def write_suite(suite: Suite, kind: str) -> str:
    """Return a suite as a file in one of FORMATS."""
    return FORMATS[kind].write(suite)
