"""The assertions of a test: read, their files loaded, their texts filled with the variables."""

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.formats.assertions import is_known, parse_assertion, unsupported
from evaluations.engine.formats.yaml_document import Document, KeyPath, load_document
from evaluations.engine.providers.keys import find_secret
from evaluations.engine.scorers import SCORERS, UNSUPPORTED
from evaluations.engine.scorers.rubric import ANSWER_MARK, OWN_PROMPT
from evaluations.engine.scripts import SCRIPT, TRANSFORMS
from evaluations.engine.types import Assertion, parse_type
from evaluations.promptfoo.code import is_javascript, is_javascript_file, read_script
from evaluations.promptfoo.files import CODE, Location, Source
from evaluations.promptfoo.keys import ASSERTION, NO_CODE_IN_ASSERTION, OWN_RUBRIC, warn_of_keys

__all__ = ["Judging", "Scripts", "fill_assertion", "read_assertions", "warn_of_judge"]

CODE_KEYS: Final = ("transform", "contextTransform")  # JavaScript or Python in their value
Scripts = tuple[Mapping[str, object], ...]
"""JavaScript as it is kept, the first one first."""
TAGS: Final = ("{{", "{%", "{#")  # what Nunjucks fills
RUBRIC: Final = "llm-rubric"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judging:
    """What the options of a test say of judges, for assertions that say nothing themselves."""

    provider: object = None
    """Who judges."""
    prompt: object = None
    """How a rubric is put to the judge."""


def read_assertions(
    source: Source,
    entries: object,
    document: Document,
    path: KeyPath,
    judging: Judging,
    transforms: Scripts = (),
) -> tuple[Assertion, ...]:
    """Return the assertions of a list.

    Args:
        source: the configuration.
        entries: the list.
        document: where it stands.
        path: and where in it.
        judging: what the test's options say of judges; for those that say nothing.
        transforms: what changes the answer before each of them sees it, as it is kept.

    Raises:
        SuiteError: one is wrong; names the place.
    """
    if not isinstance(entries, list):
        raise SuiteError("assertion.set-list", at=document.location(*path))
    assertions: list[Assertion] = []
    for index, entry in enumerate(entries):
        assertions.append(_assertion(source, entry, document, (*path, index), judging, transforms))
    return tuple(assertions)


def _assertion(
    source: Source,
    entry: object,
    document: Document,
    path: KeyPath,
    judging: Judging,
    transforms: Scripts,
) -> Assertion:
    location = document.location(*path)
    _warn(source, entry, document, path)
    prepared = _prepare(
        source, entry, location, judging, transforms
    )  # its errors name the place themselves
    prepared = _keep_unknown(source, prepared, location)
    try:
        assertion = parse_assertion(prepared)
    except SuiteError as error:
        raise error.within(location) from None
    is_unsupported = assertion.type == UNSUPPORTED and "why" not in assertion.config
    if is_unsupported and isinstance(entry, Mapping):
        sentence = _("assertion type “%(kind)s” is not supported; the assertion will be an error")
        source.warn(sentence % {"kind": entry.get("type")}, location)
    return assertion


def _keep_unknown(source: Source, entry: object, location: Location) -> object:
    """Return an assertion of a type that nobody knows as one that is an error of its case.

    The other cases run, as in promptfoo; left out, the case might pass for want of it.
    """
    if not isinstance(entry, Mapping):
        return entry
    members = entry.get("assert")
    if isinstance(members, list):
        return {**entry, "assert": [_keep_unknown(source, one, location) for one in members]}
    kind = entry.get("type")
    if not isinstance(kind, str) or is_known(kind):
        return entry
    sentence = _("there is no assertion type “%(kind)s”") % {"kind": kind}
    # A slip of the pen: a type with a colon is of a family, whose other members mean other things.
    near = difflib.get_close_matches(parse_type(kind)[0], SCORERS, n=1, cutoff=0.85)
    if near and ":" not in kind:
        sentence += _("; did you mean “%(near)s”?") % {"near": near[0]}
    source.warn(_("%(what)s; the assertion will be an error") % {"what": sentence}, location)
    return unsupported(entry, sentence)


def _warn(source: Source, entry: object, document: Document, path: KeyPath) -> None:
    warn_of_keys(source, entry, ASSERTION, document, path)
    if not isinstance(entry, Mapping):
        return
    warn_of_judge(source, entry.get("provider"), document, (*path, "provider"))
    members = entry.get("assert")
    if isinstance(members, list):
        for index, member in enumerate(members):
            _warn(source, member, document, (*path, "assert", index))


def warn_of_judge(source: Source, provider: object, document: Document, path: KeyPath) -> None:
    """Warn of the settings of a judge, which are not taken; refuse a key among them.

    Raises:
        SuiteError: there is a key; names it.
    """
    if not isinstance(provider, Mapping):
        return
    location = document.location(*path)
    secret = find_secret(provider)
    if secret:
        raise SuiteError("promptfoo.secret", at=location, secret=secret)
    judges: list[Mapping[str, object]] = [provider]
    if "id" not in provider:
        # One for each need: {text: {id: …}, embedding: {id: …}}.
        values = provider.values()
        judges = [value for value in values if isinstance(value, Mapping) and "id" in value]
    for judge in judges:
        if set(judge) - {"id", "label"}:
            sentence = _("only the id of a judge is used; set everything else in a model profile")
            source.warn(sentence, location)


def _prepare(
    source: Source, entry: object, location: Location, judging: Judging, transforms: Scripts
) -> object:
    """Return an entry with its files loaded, its JavaScript kept, and without other code."""
    if not isinstance(entry, Mapping):
        return entry
    prepared = dict(entry)
    own = prepared.get("transform")
    if is_javascript(own):
        script = read_script(source, str(prepared.pop("transform")), location)
        transforms = (*transforms, script)
    members = prepared.get("assert")
    if isinstance(members, list):
        prepared["assert"] = [
            _prepare(source, member, location, judging, transforms) for member in members
        ]
    elif transforms:
        prepared["config"] = _config(prepared) | {TRANSFORMS: list(transforms)}
    return _prepare_value(source, prepared, location, judging)


def _prepare_value(
    source: Source, prepared: dict[str, object], location: Location, judging: Judging
) -> object:
    """Return an entry with what its value names loaded."""
    value = prepared.get("value")
    if _is_function(prepared):
        script = read_script(source, str(value), location)
        prepared["config"] = _config(prepared) | {SCRIPT: script}
        return prepared
    code = _find_code(prepared)
    if code is not None:
        if code != "contextTransform":  # which is warned of as a key
            source.warn(_(NO_CODE_IN_ASSERTION) % {"key": code}, location)
        # Kept, not left out: without it the case might pass for want of its assertion.
        sentence = _("“%(key)s” would run code, which AutoForge never does") % {"key": code}
        return unsupported(prepared, sentence)
    if _needs_judge(prepared.get("type")):
        _set_judge(source, prepared, location, judging)
    if "value" in prepared:
        prepared["value"] = _map_texts(value, lambda text: _load_value(source, text, location))
    return prepared


def _set_judge(
    source: Source, prepared: dict[str, object], location: Location, judging: Judging
) -> None:
    """Say in an assertion who judges, and how the judge is asked."""
    if judging.provider is not None and "provider" not in prepared:
        prepared["provider"] = judging.provider
    prompt = prepared.pop("rubricPrompt", None) or judging.prompt
    if not prompt:
        return
    if parse_type(str(prepared["type"]))[0] == RUBRIC:
        text = _read_own_prompt(source, prompt, location)
        prepared["config"] = _config(prepared) | {OWN_PROMPT: text}
        return
    # Each of the others has a prompt of a form of its own.
    source.warn(_(OWN_RUBRIC) % {"key": "rubricPrompt"}, location)


def _read_own_prompt(source: Source, prompt: object, location: Location) -> str:
    """Return how a file puts a rubric to the judge, as one text; of a chat what its messages say.

    Raises:
        SuiteError: it is neither a text nor a chat.
    """
    if isinstance(prompt, str) and prompt.startswith("file://"):
        path = source.path(prompt, location)
        prompt = source.load_text(path)
        if path.suffix.lower() in (".json", ".yaml", ".yml"):
            prompt = load_document(prompt, path.name).value
    if isinstance(prompt, str):
        try:
            chat = json.loads(prompt)
        except (ValueError, RecursionError):
            return prompt
        prompt = chat if isinstance(chat, list) else prompt
    if isinstance(prompt, list):
        texts = [one.get("content") for one in prompt if isinstance(one, Mapping)]
        if texts and len(texts) == len(prompt) and all(isinstance(text, str) for text in texts):
            return "\n\n".join(map(str, texts))
    if isinstance(prompt, str):
        return prompt
    raise SuiteError("promptfoo.rubric-prompt", at=location)


def _find_code(entry: Mapping[str, object]) -> str | None:
    """Return the key or the value that would run code elsewhere than in the sandbox."""
    for key in CODE_KEYS:
        if key in entry:
            return key
    value = entry.get("value")
    return value if isinstance(value, str) and _is_code(value) else None


def _is_function(entry: Mapping[str, object]) -> bool:
    """Whether an assertion calls a function of a file."""
    kind, value = entry.get("type"), entry.get("value")
    if not isinstance(kind, str) or parse_type(kind)[0] != "javascript":
        return False
    return isinstance(value, str) and value.startswith("file://") and is_javascript_file(value)


def _config(entry: Mapping[str, object]) -> dict[str, object]:
    config = entry.get("config")
    return dict(config) if isinstance(config, Mapping) else {}


def _is_code(value: str) -> bool:
    if value.startswith("package:"):
        return True
    if not value.startswith("file://"):
        return False
    if value.endswith(CODE):
        return True
    # A function of a file stands behind a second colon: file://checks.py:score.
    file, _colon, _function = value.rpartition(":")
    return value.count(":") > 1 and file.endswith(CODE)


def _needs_judge(kind: object) -> bool:
    if not isinstance(kind, str):
        return False
    name, _negated = parse_type(kind)
    return name in SCORERS and "judge" in SCORERS[name].needs


def _map_texts(value: object, change: Callable[[str], object]) -> object:
    """Return a text changed, or a list whose texts are; as in promptfoo no list within it."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [change(entry) if isinstance(entry, str) else entry for entry in value]
    return value


def _load_value(source: Source, text: str, location: Location) -> object:
    """Return what the file contains that a text names; any other text as it is."""
    if not text.startswith("file://"):
        return text
    path = source.path(text, location)
    content = source.load_text(path)
    suffix = path.suffix.lower()
    if suffix in (".json", ".yaml", ".yml"):
        return _escape_tags(load_document(content, path.name).value)
    if suffix != ".txt":
        raise SuiteError("promptfoo.value-file", at=location, value=text)
    return _escape_tags(content.strip())


def _escape_tags(value: object) -> object:
    """Return what a file contains so that filling its texts changes nothing."""
    if isinstance(value, list):
        return [_escape_tags(entry) for entry in value]
    if isinstance(value, str) and any(tag in value for tag in TAGS):
        return f"{{% raw %}}{value}{{% endraw %}}"
    return value


def fill_assertion(
    source: Source, assertion: Assertion, variables: Mapping[str, object], location: Location
) -> Assertion:
    """Return an assertion whose texts are filled; one that cannot be is an error of its case."""
    try:
        return _fill(source, assertion, variables)
    except ValueError as error:
        warning = _("the assertion cannot be rendered and will be an error: %(error)s")
        source.warn(warning % {"error": error}, location)
        sentence = _("the assertion cannot be rendered: %(error)s") % {"error": error}
        entry = {"type": assertion.type, "value": assertion.value, "weight": assertion.weight}
        return parse_assertion(unsupported(entry, sentence))


def _fill(source: Source, assertion: Assertion, variables: Mapping[str, object]) -> Assertion:
    value = _map_texts(assertion.value, lambda text: source.render(text, variables))
    metric = source.render(assertion.metric, variables)
    config = assertion.config
    if isinstance(config.get(OWN_PROMPT), str):
        # The answer comes later: a mark keeps its place.
        known = {**variables, "output": ANSWER_MARK, "rubric": value or ""}
        config = {**config, OWN_PROMPT: source.render(str(config[OWN_PROMPT]), known)}
    members = tuple(_fill(source, member, variables) for member in assertion.assertions)
    same = value == assertion.value and metric == assertion.metric and config == assertion.config
    if same and members == assertion.assertions:
        # Most hold no tag: thousands of cases then share one object.
        return assertion
    return replace(assertion, value=value, metric=metric, config=config, assertions=members)
