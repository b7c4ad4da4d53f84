"""Every refusal is in the catalogue: the sources are read for a sentence that is not translated.

A refusal is what an error of ours, a validation error, a message on a page or an error of a form
says. What it says is followed through the module: variables, the functions that return it, and
the callers that pass it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.utils.translation import override

from core.errors import InvalidInputError
from evaluations.services import suites
from prompts import services
from tests.test_translations import ROOT, entries

PACKAGES = ("core", "prompts", "evaluations")
ROOTS = {
    "ApplicationError",
    "BrokenFileError",
    "EngineError",
    "SecurityError",
    "TooLongError",
    "UnsupportedValueError",
    "UnreadableError",
    "ValidationError",
}
SHOWN = {"add_error": 1, "message_user": 1}
"""Method → which argument is shown on the page."""
TRANSLATORS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
WORDS = re.compile(r"[A-Za-z]{2}")
NAME = re.compile(r"[\w.-]+")
"""A key or a code that is passed on: no sentence."""


@cache
def sources() -> dict[Path, ast.Module]:
    return {
        path.relative_to(ROOT): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts
    }


def name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return getattr(node, "id", getattr(node, "attr", ""))


def refusals(trees: dict[Path, ast.Module]) -> set[str]:
    """Return the names of all classes of errors that a person reads."""
    classes = [
        node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    known = set(ROOTS)
    while (
        more := {one.name for one in classes if known & {name_of(base) for base in one.bases}}
        - known
    ):
        known |= more
    return known


class Reader:
    """Follows what is shown to the texts it is made of."""

    def __init__(self, tree: ast.Module, errors: set[str]) -> None:
        self.errors = errors
        self.tree = tree
        self.faults: list[tuple[int, str]] = []
        self.keys: list[tuple[int, str]] = []
        self.seen: set[ast.AST] = set()
        self.functions = {
            node.name: node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        self.inside: dict[ast.AST, ast.AST] = {}
        for function in self.functions.values():
            for node in ast.walk(function):
                self.inside[node] = function  # the innermost is visited last

        self.assigned: dict[tuple[ast.AST | None, str], list[ast.AST]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value:
                for target in getattr(node, "targets", None) or [node.target]:
                    key = self.inside.get(node), name_of(target)
                    self.assigned.setdefault(key, []).append(node.value)
        self.calls: dict[str, list[ast.Call]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                self.calls.setdefault(name_of(node), []).append(node)

    def read(self, known: set[str]) -> list[tuple[int, str]]:
        """Return line and text of what is shown and not translated."""
        self.follow_all()
        missing = [
            (line, f"not in django.po: {key}") for line, key in self.keys if key not in known
        ]
        return sorted({*self.faults, *missing})

    @cache  # noqa: B019 (a module is followed once, whatever is known)
    def follow_all(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and name_of(node) in TRANSLATORS:
                self.translated(node)
            elif isinstance(node, ast.Call):
                for shown in self.shown_by(node):
                    self.follow(shown)

    def shown_by(self, call: ast.Call) -> Iterator[ast.AST]:
        name = name_of(call)
        if name in self.errors and call.args:
            yield call.args[0]
        elif name in SHOWN and len(call.args) > SHOWN[name]:
            yield call.args[SHOWN[name]]
        elif name_of(getattr(call.func, "value", call)) == "messages" and len(call.args) > 1:
            yield call.args[1]

    def fault(self, node: ast.AST, text: str) -> None:
        self.faults.append((node.lineno, text))

    def follow(self, node: ast.AST) -> None:  # noqa: C901, PLR0912 (a line for each form of expression)
        if node in self.seen:
            return
        self.seen.add(node)
        match node:
            case ast.Constant(value=str(text)) if WORDS.search(text):
                if not NAME.fullmatch(text):
                    self.fault(node, text)
            case ast.JoinedStr(values=values):
                words = "".join(v.value for v in values if isinstance(v, ast.Constant))
                if WORDS.search(words):
                    self.fault(node, ast.unparse(node))
                for value in values:
                    if isinstance(value, ast.FormattedValue):
                        self.follow_name(value.value)
            case ast.Call() if name_of(node) in TRANSLATORS:
                self.translated(node)
            case ast.Call(func=ast.Attribute(attr="fromkeys"), args=[_, text]):
                self.follow(text)
            case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(elt=text)]):
                self.follow(text)
            case ast.Call(func=ast.Name(id=name)) if name in self.functions:
                self.returned(self.functions[name])
            case ast.Dict(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                for value in values:
                    self.follow(value)
            case ast.DictComp(value=value):
                self.follow(value)
            case ast.IfExp(body=body, orelse=orelse):
                self.follow(body)
                self.follow(orelse)
            case ast.BoolOp(values=values):
                for value in values:
                    self.follow(value)
            case ast.BinOp(left=left, op=ast.Mod(), right=right):
                self.follow(left)
                self.follow_parameters(right)
            case ast.BinOp(left=left, right=right):
                self.follow(left)
                self.follow(right)
            case _:
                self.follow_name(node)

    def follow_parameters(self, node: ast.AST) -> None:
        """A word of ours that is put into a sentence is translated too; codes are not looked at."""
        for value in node.values if isinstance(node, ast.Dict) else ():
            if isinstance(value, ast.Constant | ast.IfExp):
                self.follow(value)

    def follow_name(self, node: ast.AST) -> None:
        """Follow a variable to what it is set to, and to what callers pass for it."""
        if not isinstance(node, ast.Name):
            return
        function = self.inside.get(node)
        for value in self.assigned.get((function, node.id), ()):
            self.follow(value)
        if isinstance(function, ast.FunctionDef):
            names = [arg.arg for arg in function.args.args if arg.arg not in ("self", "cls")]
            if node.id in names:
                self.passed(function.name, names.index(node.id))

    def passed(self, name: str, position: int) -> None:
        for call in self.calls.get(name, ()):
            if len(call.args) > position:
                self.follow(call.args[position])

    def returned(self, function: ast.AST) -> None:
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value:
                self.follow(node.value)

    def translated(self, call: ast.Call) -> None:
        text = call.args[0]  # a plural's singular is its key
        if isinstance(text, ast.Constant):
            self.keys.append((call.lineno, text.value))


COMMANDS = ("prompts/management", "evaluations/management")
"""What a terminal alone shows is English."""
FIELDS = re.compile(r'InvalidInputError\(\s*\{\s*"(\w+)"')
"""Fields that refusals begin with; names of a command's options have a hyphen."""
COMMANDS_ALONE = {"background", "cursor", "evaluate", "max_seconds", "overlap"}


@cache
def known_texts() -> set[str]:
    return set(entries("locale/ja"))


@cache
def readers() -> dict[Path, Reader]:
    trees = sources()
    errors = refusals(trees)
    return {
        path: Reader(tree, errors)
        for path, tree in trees.items()
        if not str(path).startswith(COMMANDS)
    }


def untranslated(known: set[str]) -> list[str]:
    return [
        f"{path}:{line}: {text}"
        for path, reader in readers().items()
        for line, text in reader.read(known)
    ]


def test_every_refusal_has_a_translation():
    assert untranslated(known_texts()) == []


def test_a_translation_that_is_taken_out_is_missed():
    without = {"there are no enabled cases to run", "there is no prompt “%(name)s”"}
    assert len(untranslated(known_texts() - without)) == 2


@pytest.mark.parametrize(
    "source",
    [
        'raise SuiteError("no good")',
        'raise SuiteError(f"{name} is no good")',
        'why = "no good"\nraise SuiteError(why)',
        'def fail(why):\n    raise SuiteError(why)\n\nfail("no good")',
        'def why():\n    return "no good"\n\nraise SuiteError(why())',
        'raise InvalidInputError({"name": "no good"})',
        'raise ValidationError("no good" if bad else _("state"))',
        'raise InvalidInputError(dict.fromkeys(names, "no good"))',
        'self.message_user(request, "no good", messages.ERROR)',
        'form.add_error("file", "no good")',
        'messages.error(request, "no good")',
        'TEXTS = {"a": _("no good")}',
        'raise SuiteError(_("no %(what)s") % {"what": "good"})',
    ],
)
def test_what_is_not_translated_is_noticed(source):
    reader = Reader(ast.parse(source), ROOTS | {"SuiteError", "InvalidInputError"})
    assert reader.read(known_texts())


@pytest.mark.parametrize(
    "source",
    [
        'raise SuiteError(_("state"))',
        'raise SuiteError(f"{place}: {error}")',
        "raise SuiteError(str(error))",
        'self.message_user(request, _("state"), messages.ERROR)',
        'why = {"code": 1}\nraise SuiteError(_("state") % why)',
    ],
)
def test_what_is_translated_is_no_fault(source):
    assert Reader(ast.parse(source), {"SuiteError"}).read(known_texts()) == []


def test_every_field_that_a_refusal_names_has_a_translation():
    fields = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            fields |= set(FIELDS.findall(path.read_text(encoding="utf-8")))
    assert len(fields) > 10
    assert sorted(fields - known_texts() - COMMANDS_ALONE) == []


@pytest.mark.django_db
def test_refusals_are_japanese_where_the_page_is():
    with override("ja"):
        with pytest.raises(InvalidInputError) as caught:
            services.create_prompt(title="", content="x")
        assert "タイトル" in str(caught.value)
        suite = suites.create_suite(name="s")
        suites.create_case(suite_id=suite.pk, name="c")
        with pytest.raises(InvalidInputError) as caught:
            suites.create_case(suite_id=suite.pk, name="c")
        assert str(caught.value) == "名前: このスイートにはケース「c」がすでにあります"
