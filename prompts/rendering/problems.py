"""What can be wrong with a template or with the values it gets, in sentences with their places.

Each sentence says what is wrong, what is allowed and how to mend it. It is kept apart from its
parameters, so that whoever shows it can translate it first.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from core.language import gettext, gettext_noop

__all__ = [
    "SENTENCES",
    "ContractError",
    "Problem",
    "RenderError",
    "SourceLocation",
    "TemplateError",
    "ValuesError",
    "gettext_noop",
    "nearest",
]


OUR_WORDS: Final = ("expected", "reason")
"""Parameters that hold words of ours, where they are not somebody else's."""

SENTENCES: Final[Mapping[str, str]] = {
    "undeclared": gettext_noop("“%(name)s” is not declared; declare it as a variable or remove it"),
    "undeclared-near": gettext_noop(
        "“%(name)s” is not declared; did you mean “%(near)s”? Otherwise declare it"
    ),
    "unused": gettext_noop(
        "the variable “%(name)s” is declared but not used in the text; use it or remove it"
    ),
    "plain-variables": gettext_noop(
        "plain text cannot have variables, but “%(name)s” is declared; choose "
        "mustache or jinja, or remove it"
    ),
    "too-long": gettext_noop(
        "the text has %(size)d characters; the limit for templates is %(limit)d"
    ),
    "too-many-declared": gettext_noop("at most %(limit)d variables can be declared"),
    "too-many-variables": gettext_noop(
        "the text uses more than %(limit)d variables; the limit is %(limit)d"
    ),
    "mustache-form": gettext_noop(
        "“%(found)s” is not a variable; write {{ name }}, or \\{{ for literal "
        "braces; choose jinja if you need logic, or plain to keep every brace"
    ),
    "mustache-open": gettext_noop("{{ is not closed; write {{ name }}, or \\{{ for literal braces"),
    "jinja-syntax": gettext_noop("invalid Jinja: %(reason)s"),
    "jinja-refused": gettext_noop(
        "%(construct)s is not allowed; a prompt may use {{ name }}, {%% if %%}, "
        "{%% for %%}, {%% set %%}, {%% include %%} and filters"
    ),
    "jinja-filter": gettext_noop("unknown filter “%(name)s”; available filters: %(allowed)s"),
    "jinja-filter-near": gettext_noop("unknown filter “%(name)s”; did you mean “%(near)s”?"),
    "jinja-test-near": gettext_noop("unknown test “%(name)s”; did you mean “%(near)s”?"),
    "jinja-test": gettext_noop("unknown test “%(name)s”; available tests: %(allowed)s"),
    "jinja-attribute": gettext_noop(
        "“%(name)s” cannot be accessed: names that start with _ are private"
    ),
    "jinja-depth": gettext_noop(
        "the template is too large for Jinja (at most %(tags)d tags of %(length)d "
        "characters, nested %(limit)d levels deep); simplify it"
    ),
    "jinja-loops": gettext_noop("loops can be nested at most two levels deep"),
    "include-form": gettext_noop(
        "an include must contain a single prompt name in quotes, such as {%% "
        'include "tone@production" %%}'
    ),
    "include-missing": gettext_noop(
        "“%(reference)s” cannot be included because it does not exist; use the "
        "name of a prompt in use and one of its labels"
    ),
    "include-chat": gettext_noop("“%(reference)s” is a chat; only text prompts can be included"),
    "include-cycle": gettext_noop(
        "“%(reference)s” includes this prompt; remove one of the two includes"
    ),
    "chat-json": gettext_noop(
        "a chat must be a JSON list of messages, each with role and content: %(reason)s"
    ),
    "chat-list": gettext_noop(
        "a chat must be a JSON list of at least one message, each with role and content"
    ),
    "chat-message": gettext_noop(
        "a message must have only a role and a content that is a string; this one has %(found)s"
    ),
    "chat-role": gettext_noop("unknown role “%(name)s”; allowed roles: %(allowed)s"),
    "declaration-list": gettext_noop(
        "variables must be a list of objects, each with at least a name"
    ),
    "declaration-name": gettext_noop(
        "“%(name)s” is not a valid variable name; use letters of any script, "
        "digits and _, do not start with a digit or _, and avoid reserved words of "
        "the template language"
    ),
    "declaration-twice": gettext_noop("the variable “%(name)s” is declared twice"),
    "declaration-key": gettext_noop(
        "the variable “%(name)s” has an unknown key “%(key)s”; allowed keys: %(allowed)s"
    ),
    "declaration-type": gettext_noop(
        "the variable “%(name)s” has an unknown type “%(type)s”; allowed types: %(allowed)s"
    ),
    "declaration-text": gettext_noop("%(key)s of the variable “%(name)s” must be a string"),
    "declaration-required": gettext_noop(
        "required of the variable “%(name)s” must be true or false"
    ),
    "declaration-value": gettext_noop(
        "the %(key)s of the variable “%(name)s” must be %(expected)s"
    ),
    "declaration-default": gettext_noop(
        "the variable “%(name)s” is required and has a default; remove one of the two"
    ),
    "missing": gettext_noop("the variable “%(name)s” needs a value (%(expected)s)"),
    "unknown": gettext_noop("unknown variable “%(name)s”; this prompt has %(allowed)s"),
    "unknown-near": gettext_noop("unknown variable “%(name)s”; did you mean “%(near)s”?"),
    "none-known": gettext_noop("unknown variable “%(name)s”; this prompt has no variables"),
    "value-type": gettext_noop("the variable “%(name)s” must be %(expected)s, not %(found)s"),
    "value-size": gettext_noop(
        "the values have more than %(limit)d characters in total; shorten them"
    ),
    "output-size": gettext_noop(
        "the result has more than %(limit)d characters; shorten the values or simplify the template"
    ),
    "too-many-rounds": gettext_noop(
        "the loops have more than %(limit)d iterations; pass shorter lists"
    ),
    "no-entry": gettext_noop(
        "the object has no “%(entry)s”; add it to the value, or provide a fallback "
        "with | default('…')"
    ),
    "no-member": gettext_noop(
        "the list has no “%(entry)s”; access items by index (from 0) or loop over them"
    ),
    "no-entry-of-text": gettext_noop(
        "a string has no “%(entry)s”; declare the variable as JSON and pass an "
        "object, or use a filter such as | title"
    ),
    "no-entry-of-value": gettext_noop(
        "only objects have properties, but “%(entry)s” is read from another type; "
        "declare the variable as JSON and pass an object"
    ),
    "no-text": gettext_noop(
        "only strings, numbers, true, false, lists and objects can be inserted into a prompt"
    ),
    "limit-time": gettext_noop(
        "rendering takes more than %(seconds)g s of CPU time; shorten the values "
        "or simplify the template"
    ),
    "limit-memory": gettext_noop(
        "rendering needs more than %(megabytes)d MB of memory; shorten the values "
        "or simplify the template"
    ),
    "limit-busy": gettext_noop(
        "rendering is taking too long because other templates are being rendered; "
        "try again in a moment"
    ),
    "limit-ended": gettext_noop(
        "rendering stopped unexpectedly; shorten the values or simplify the template"
    ),
    "render": gettext_noop("the template cannot be rendered: %(reason)s"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceLocation:
    """Where something stands: all from 1, None where it is not known or there is none."""

    line: int | None = None
    column: int | None = None
    message: int | None = None
    """Number of a chat's message; line and column are then within its content."""

    def __str__(self) -> str:
        parts = (
            (gettext_noop("message %(number)d"), self.message),
            (gettext_noop("line %(number)d"), self.line),
            (gettext_noop("column %(number)d"), self.column),
        )
        return ", ".join(
            gettext(text) % {"number": part} for text, part in parts if part is not None
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong; `str()` says it in the language of whoever reads it."""

    code: str
    """A key of SENTENCES."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence's places hold."""
    place: SourceLocation = SourceLocation()
    """Where it stands in the content."""

    @property
    def sentence(self) -> str:
        """The sentence, with its places open."""
        return SENTENCES[self.code]

    @property
    def variable(self) -> str:
        """The variable it is about, empty if none."""
        return str(self.params.get("name", ""))

    def __str__(self) -> str:
        where = str(self.place)
        ours = {name: gettext(self.params[name]) for name in OUR_WORDS if self.params.get(name)}
        sentence = gettext(self.sentence) % {**self.params, **ours}
        return f"{where}: {sentence}" if where else sentence


class TemplateError(ValueError):
    """Something is wrong with a template or its values; `str()` names all of it.

    Attributes:
        problems: one each.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    def __str__(self) -> str:
        # Anew: it may have been raised in a process that knows no language but English.
        return "; ".join(map(str, self.problems))


class ContractError(TemplateError):
    """The text or its declarations are wrong: mend the prompt."""


class ValuesError(TemplateError):
    """The values do not fit the declarations: give others."""


class RenderError(TemplateError):
    """The template cannot be filled with these values."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, None where none is."""
    folded = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None
