"""A template with its contract: checked, then filled. Pure functions, compiled texts are kept."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

from prompts.rendering.chat import (
    ChatEntry,
    Message,
    Placeholder,
    content_from_json,
    fill_message,
    find_address_problems,
    parse_messages,
    take_histories,
)
from prompts.rendering.effort import spend, weigh, within_limits
from prompts.rendering.problems import (
    ContractError,
    Problem,
    RenderError,
    SourceLocation,
    ValuesError,
    nearest,
)
from prompts.rendering.syntaxes import PARSERS, Parsed, Reference, Use
from prompts.rendering.syntaxes.jinja_types import TYPE_OF_HINT
from prompts.rendering.syntaxes.parsed import MOST_PROBLEMS, Fill, fill_data_whole
from prompts.rendering.variables import LARGEST, Variable, take_values

__all__ = [
    "KINDS",
    "LONGEST",
    "Template",
    "check",
    "fill_here",
    "find_placeholders",
    "find_references",
    "find_uses",
    "list_large_data",
    "prepare",
    "propose_variables",
    "render",
]

Filler = Callable[[Mapping[str, object]], "str | tuple[Message, ...]"]
Histories = Mapping[str, tuple[Message, ...]]
KINDS: Final = ("text", "chat")
LONGEST: Final = 131_072  # characters of a template; plain text has no limit
# In JSON each text with tags is a template by itself; what has none may be an image's data.
NOT_MEASURED: Final = ("plain", "nunjucks-json")
MOST_PARSED: Final = 512  # compiled texts that are kept: the busy ones of a site


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A text or a chat, how it is read, and what it asks for."""

    content: str
    kind: str = "text"
    syntax: str = "plain"
    variables: tuple[Variable, ...] = ()
    includes: Mapping[str, "Template"] = field(default_factory=dict)
    """Reference ("name@label") → the template that stands there."""


@lru_cache(maxsize=MOST_PARSED)
def _parse(syntax: str, text: str) -> Parsed:
    return PARSERS[syntax](text)


def _parse_checked(syntax: str, text: str) -> Parsed:
    # Looked at before anything parses: a parser's time grows with the text.
    if syntax not in NOT_MEASURED and len(text) > LONGEST:
        problem = Problem(code="too-long", params={"size": len(text), "limit": LONGEST})
        return Parsed(fill=lambda _values, _included: "", problems=(problem,))
    return _parse(syntax, text)


def _texts(template: Template) -> Iterator[tuple[SourceLocation, str]]:
    """Yield the texts of a template, each with the message and the part that it is of.

    Raises:
        ContractError: a chat's content is no list of messages.
    """
    if template.kind != "chat":
        yield SourceLocation(), template.content
        return
    for number, entry in enumerate(parse_messages(template.content), start=1):
        if not isinstance(entry, Message):
            continue
        is_whole = isinstance(entry.content, str)
        for part, text in enumerate(entry.templates, start=1):
            yield SourceLocation(message=number, part=None if is_whole else part), text


def _parsed(template: Template) -> Iterator[tuple[SourceLocation, Parsed]]:
    for location, text in _texts(template):
        yield location, _parse_checked(_find_syntax(template, text), text)


def _find_syntax(template: Template, text: str) -> str:
    # Data has no tags, and is longer than templates may be.
    if text.startswith("data:") and "{" not in text:
        return "plain"
    return template.syntax


def _within(outer: SourceLocation, inner: SourceLocation) -> SourceLocation:
    return replace(inner, message=outer.message, part=outer.part)


def find_placeholders(template: Template) -> tuple[str, ...]:
    """Return the names of a chat's placeholders, in their order; none of a text.

    Raises:
        ContractError: a chat's content is no list of messages.
    """
    return tuple(name for _number, name in _placeholders(template))


def _placeholders(template: Template) -> Iterator[tuple[int, str]]:
    if template.kind != "chat":
        return
    for number, entry in enumerate(parse_messages(template.content), start=1):
        if isinstance(entry, Placeholder):
            yield number, entry.name


def find_references(template: Template) -> tuple[Reference, ...]:
    """Return the includes of a template, each with its place; none where it cannot be read."""
    try:
        parsed = list(_parsed(template))
    except ContractError:
        return ()
    references = []
    for outer, text in parsed:
        for reference in text.references:
            location = _within(outer, reference.place)
            references.append(replace(reference, place=location))
    return tuple(references)


def find_uses(template: Template) -> tuple[Use, ...]:
    """Return each variable that the template or an include of it reads, with its first place."""
    uses: dict[str, Use] = {}
    for outer, text in _parsed(template):
        for use in text.uses:
            first = uses.get(use.name)
            if first is None:
                first = replace(use, place=_within(outer, use.place))
            uses[use.name] = replace(first, hints=first.hints | use.hints)
        for reference in text.references:
            included = template.includes.get(str(reference))
            if included is None:
                continue  # `check` reports it
            for variable in included.variables:
                use = Use(name=variable.name, place=_within(outer, reference.place))
                uses.setdefault(variable.name, use)
    return tuple(uses.values())


def propose_variables(template: Template) -> tuple[Variable, ...]:
    """Return the declared variables that are used, then one for each undeclared name.

    Raises:
        ContractError: a chat's content is no list of messages.
    """
    uses = find_uses(template)
    used_names = {use.name for use in uses}
    proposed: dict[str, Variable] = {}
    for variable in template.variables:
        if variable.name in used_names:
            proposed[variable.name] = variable
    of_includes: dict[str, Variable] = {}
    for included in template.includes.values():
        for variable in included.variables:
            of_includes[variable.name] = variable
    for use in uses:
        if use.name not in proposed:
            # What an include declares is better known than what a text lets guess.
            guess = Variable(name=use.name, type=_likely_type(use))
            proposed[use.name] = of_includes.get(use.name, guess)
    return tuple(proposed.values())


def _likely_type(use: Use) -> str:
    """Return the type that the text takes a variable to be, text where it does not say."""
    for hint, kind in TYPE_OF_HINT.items():  # the most certain hint first
        if hint in use.hints:
            return kind
    return "text"


def check(template: Template) -> tuple[Problem, ...]:
    """Return everything that is wrong with a template; nothing of it runs."""
    try:
        parsed = list(_parsed(template))
    except ContractError as error:
        return error.problems
    problems: list[Problem] = []
    for outer, text in parsed:
        for problem in text.problems:
            problems.append(replace(problem, place=_within(outer, problem.place)))
    for reference in find_references(template):
        bad_reference = _bad_reference(reference, template)
        if bad_reference is not None:
            problems.append(bad_reference)
    problems += _list_bad_addresses(template)
    if not problems:
        # What a text that cannot be read uses is not known: then nothing is said of it.
        problems += _contract(template)
    return tuple(problems)


def _list_bad_addresses(template: Template) -> Iterator[Problem]:
    """Yield what is wrong with addresses that have no tags: the others are not known yet."""
    if template.kind != "chat":
        return
    for number, entry in enumerate(parse_messages(template.content), start=1):
        if isinstance(entry, Message):
            problems = find_address_problems(entry, SourceLocation(message=number))
            texts = entry.templates
            for problem in problems:
                is_known = (
                    template.syntax == "plain" or "{" not in texts[(problem.place.part or 1) - 1]
                )
                if is_known:
                    yield problem


def list_large_data(template: Template) -> tuple[Problem, ...]:
    """Return the images and files whose data is longer than a prompt should hold itself.

    Every version is a copy of all of it, and the search indexes it: what is larger is provided
    when a prompt is rendered.
    """
    problems = []
    for location, text in _texts(template):
        if location.part is not None and text.startswith("data:") and len(text) > LONGEST:
            params = {
                "limit": LONGEST // 4 * 3 // 1024
            }  # base64 has four characters for three bytes
            problems.append(Problem(code="part-stored-size", params=params, place=location))
    return tuple(problems)


def _bad_reference(reference: Reference, template: Template) -> Problem | None:
    included = template.includes.get(str(reference))
    if included is None:
        code = "include-missing"
    elif included.kind != "text":
        code = "include-chat"
    else:
        return None
    return Problem(code=code, params={"reference": str(reference)}, place=reference.place)


def _contract(template: Template) -> Iterator[Problem]:
    declared = [variable.name for variable in template.variables]
    uses = find_uses(template)
    used = {use.name for use in uses}
    yield from _list_clashes(template, used.union(declared))
    if template.syntax == "plain":
        for name in declared:
            yield Problem(code="plain-variables", params={"name": name})
        return
    unused = [name for name in declared if name not in used]
    undeclared = [use for use in uses if use.name not in declared]
    for number, use in enumerate(undeclared):
        near = None
        if number < MOST_PROBLEMS:  # each search compares the name with every declared one
            # A name that nothing reads yet is more likely the one that was meant.
            near = nearest(use.name, unused) or nearest(use.name, declared)
        if near:
            params = {"name": use.name, "near": near}
            yield Problem(code="undeclared-near", params=params, place=use.place)
        else:
            yield Problem(code="undeclared", params={"name": use.name}, place=use.place)
    for name in unused:
        yield Problem(code="unused", params={"name": name})


def _list_clashes(template: Template, variables: Collection[str]) -> Iterator[Problem]:
    for number, name in _placeholders(template):
        if name in variables:  # a value could not be told from messages
            location = SourceLocation(message=number)
            yield Problem(code="placeholder-variable", params={"name": name}, place=location)


def render(template: Template, values: Mapping[str, object]) -> str | tuple[Message, ...]:
    """Return the text, or the messages of a chat, with the values in their places.

    Args:
        template: what is filled.
        values: by name. The messages for a placeholder are a list, inserted as they are; without
            one, the placeholder holds none.

    Raises:
        ContractError: the template itself is wrong.
        ValuesError: values are missing, unknown or of wrong types; each is named.
        RenderError: it cannot be filled with these values.

    Examples:
        >>> template = Template(
        ...     content="Dear {{ name }}", syntax="mustache", variables=(Variable(name="name"),)
        ... )
        >>> render(template, {"name": "Aiko"})
        'Dear Aiko'
    """
    return prepare(template)(values)


def prepare(template: Template) -> Filler:
    """Return `render` of one template, for many values: it is checked and read once.

    Raises:
        ContractError: the template itself is wrong.

    Examples:
        >>> fill = prepare(Template(content="No variables.", syntax="plain"))
        >>> fill({})
        'No variables.'
    """
    here = _prepare_here(template)

    def fill(values: Mapping[str, object]) -> str | tuple[Message, ...]:
        filled = within_limits(lambda: here(values), "fill_template", template, dict(values))
        if isinstance(filled, list):  # of a worker
            return tuple(_unpack(role, content) for role, content in filled)
        return filled

    return fill


def _unpack(role: str, content: Any) -> Message:
    return Message(role=role, content=content_from_json(content))


def fill_here(template: Template, values: Mapping[str, object]) -> str | tuple[Message, ...]:
    """Do what `render` does in this process, whatever it takes."""
    return _prepare_here(template)(values)


def _prepare_here(template: Template) -> Filler:
    problems = check(template)
    if problems:
        raise ContractError(problems)
    entries: tuple[ChatEntry, ...] = ()
    if template.kind == "chat":
        entries = parse_messages(template.content)
    placeholders = find_placeholders(template)
    fillers = [_find_filler(template, text) for _location, text in _texts(template)]

    def fill(values: Mapping[str, object]) -> str | tuple[Message, ...]:
        spend(sum(map(weigh, values.values())))
        taken, histories = _take(template, values, placeholders)
        included = {}
        for name, inner in template.includes.items():
            included[name] = str(_render_part(inner, taken))
        filled = _fill_all(fillers, taken, included)
        if template.kind != "chat":
            return filled[0]
        return _build_chat(entries, filled, histories)

    return fill


def _find_filler(template: Template, text: str) -> Fill:
    """Return what fills a text; of data that is one variable's, without the limit of templates.

    An image in a variable is longer than what templates write, and nothing is done to it.
    """
    # Not `_parse_checked`: `check` has refused what is too long.
    parsed = _parse(_find_syntax(template, text), text)
    return fill_data_whole(text, parsed.fill)


def _fill_all(
    fillers: Iterable[Fill], values: Mapping[str, object], included: Mapping[str, str]
) -> list[str]:
    filled = []
    size = 0
    for fill in fillers:
        filled.append(fill(values, included))
        size += len(filled[-1])
        if size > LARGEST:  # many messages may hold one large value each
            raise RenderError([Problem(code="output-size", params={"limit": LARGEST})])
    return filled


def _take(
    template: Template, values: Mapping[str, object], placeholders: Collection[str]
) -> tuple[dict[str, object], Histories]:
    """Return values of the variables and messages for the placeholders.

    Raises:
        ValuesError: with everything that is wrong with either.
    """
    taken: dict[str, object] = {}
    histories: Histories = {}
    problems: list[Problem] = []
    try:
        taken = take_values(template.variables, values, placeholders)
    except ValuesError as error:
        problems += error.problems
    try:
        histories = take_histories(placeholders, values)
    except ValuesError as error:
        problems += error.problems
    if problems:
        raise ValuesError(problems)
    return taken, histories


def _build_chat(
    entries: Iterable[ChatEntry], filled: Iterable[str], histories: Histories
) -> tuple[Message, ...]:
    texts = iter(filled)
    messages: list[Message] = []
    problems: list[Problem] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, Placeholder):
            messages += histories[entry.name]
            continue
        message = fill_message(entry, texts)
        messages.append(message)
        problems += find_address_problems(message, SourceLocation(message=number))
    if problems:
        raise RenderError(problems)
    if not messages:
        names = ", ".join(histories)
        raise ValuesError([Problem(code="chat-empty", params={"names": names})])
    return tuple(messages)


def _render_part(template: Template, values: Mapping[str, object]) -> str | tuple[Message, ...]:
    # An include is given what it declares: a value that it does not know would be an error.
    names = {variable.name for variable in template.variables}
    own_values = {name: value for name, value in values.items() if name in names}
    return fill_here(template, own_values)
