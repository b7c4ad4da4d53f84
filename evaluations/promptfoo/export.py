"""A suite as promptfoo's own configuration; what it has no word for goes into metadata."""

from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.yaml_document import dump_document
from evaluations.engine.scorers import SCORING
from evaluations.engine.scorers.rubric import ANSWER_MARK, OWN_PROMPT
from evaluations.engine.scripts import SCRIPT, TRANSFORMS
from evaluations.engine.types import Assertion, Case, Suite

__all__ = ["write_promptfoo"]


def write_promptfoo(suite: Suite) -> str:
    """Return the YAML; disabled cases are left out, as promptfoo knows none."""
    tests = [_test(case) for case in suite.cases if case.enabled]
    content = {"description": suite.name, "prompts": ["{{prompt}}"], "tests": tests}
    return dump_document(content)


def _test(case: Case) -> dict[str, object]:
    metadata = dict(case.metadata)
    if case.expected:
        metadata["expected"] = case.expected
    if case.tags:
        metadata["tags"] = list(case.tags)
    if case.weight != 1:
        metadata["weight"] = case.weight
    fields = {
        "description": case.name,
        "vars": {name: _escape_tags(value) for name, value in case.variables.items()},
        "assert": [_assertion(check) for check in case.assertions if check.type != SCORING],
        "assertScoringFunction": _scoring(case),
        "threshold": case.threshold,
        "metadata": metadata,
        "providerOutput": case.given_answer,
    }
    return {key: value for key, value in fields.items() if value not in (None, [], {})}


def _scoring(case: Case) -> str | None:
    for assertion in case.assertions:
        script = assertion.config.get(SCRIPT)
        if assertion.type == SCORING and isinstance(script, dict):
            return _reference(script)
    return None


def _assertion(assertion: Assertion) -> dict[str, object]:
    original = assertion.config.get("original")
    if isinstance(original, dict):
        return dict(original)  # promptfoo can do what we cannot
    entry = assertion_as_dict(assertion)
    if "value" in entry:
        entry["value"] = _escape_tags(entry["value"])
    config = dict(entry.pop("config", {}))
    code = config.pop(SCRIPT, None), config.pop(TRANSFORMS, None)
    if any(code):
        entry |= _restore_code(*code)
    entry |= _restore_judging(config)
    if config:
        entry["config"] = config
    return entry


def _restore_judging(config: dict[str, object]) -> dict[str, object]:
    """Take out of a config what stands beside it there: who judges, and how the judge is asked."""
    entry: dict[str, object] = {}
    own = config.pop(OWN_PROMPT, None)
    if isinstance(own, str):
        # The mark is where the answer goes; all else has been filled.
        texts = [str(_escape_tags(text)) for text in own.split(ANSWER_MARK)]
        entry["rubricPrompt"] = "{{ output }}".join(texts)
    if config.get("provider"):
        entry["provider"] = config.pop("provider")
    return entry


def _restore_code(script: object, transforms: object) -> dict[str, object]:
    """Return the keys that an assertion had for its code: files are named, not written."""
    entry: dict[str, object] = {}
    if isinstance(script, dict):
        entry["value"] = _reference(script)
    if isinstance(transforms, list) and transforms:
        entry["transform"] = _reference(transforms[-1])
    return entry


def _reference(script: dict[str, object]) -> str:
    if not script.get("file"):
        return str(script.get("text", ""))
    export = f":{script['export']}" if script.get("export") else ""
    return f"file://{script['file']}{export}"


def _escape_tags(value: object) -> object:
    """Return a value that promptfoo's templates give back as it is."""
    if isinstance(value, str) and any(tag in value for tag in ("{{", "{%", "{#")):
        return f"{{% raw %}}{value}{{% endraw %}}"
    return value
