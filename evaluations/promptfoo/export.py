"""A suite as promptfoo's own configuration; what it has no word for goes into metadata."""

from typing import Any

from evaluations.engine.formats.assertions import assertion_as_dict
from evaluations.engine.formats.yaml_document import dump_document
from evaluations.engine.types import Assertion, Case, Suite

__all__ = ["write_promptfoo"]


def write_promptfoo(suite: Suite) -> str:
    """Return the YAML; disabled cases are left out, as promptfoo knows none."""
    tests = [_test(case) for case in suite.cases if case.enabled]
    content = {"description": suite.name, "prompts": ["{{prompt}}"], "tests": tests}
    return dump_document(content)


def _test(case: Case) -> dict[str, Any]:
    metadata = dict(case.metadata)
    if case.expected:
        metadata["expected"] = case.expected
    if case.tags:
        metadata["tags"] = list(case.tags)
    if case.weight != 1:
        metadata["weight"] = case.weight
    found = {
        "description": case.name,
        "vars": {name: _quoted(value) for name, value in case.variables.items()},
        "assert": [_assertion(one) for one in case.assertions],
        "threshold": case.threshold,
        "metadata": metadata,
        "providerOutput": case.given_answer,
    }
    return {key: value for key, value in found.items() if value not in (None, [], {})}


def _assertion(one: Assertion) -> dict[str, Any]:
    if isinstance(one.config.get("original"), dict):
        return dict(one.config["original"])
    found = assertion_as_dict(one)
    if isinstance(found.get("value"), str):
        found["value"] = _quoted(found["value"])
    if found.get("config", {}).get("provider"):
        config = dict(found.pop("config"))
        found["provider"] = config.pop("provider")
        found |= {"config": config} if config else {}
    return found


def _quoted(value: Any) -> Any:
    """Return a value that promptfoo's templates give back as it is."""
    if isinstance(value, str) and any(sign in value for sign in ("{{", "{%", "{#")):
        return f"{{% raw %}}{value}{{% endraw %}}"
    return value
