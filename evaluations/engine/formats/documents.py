"""Cases as JSON documents: what a run stores of them, and what they are recognised by."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from evaluations.engine.formats.assertions import assertion_as_dict, parse_assertion
from evaluations.engine.types import Case

__all__ = ["case_as_document", "case_from_document", "case_key"]


def case_as_document(case: Case) -> dict[str, Any]:
    """Return everything of a case but its name and weight, without what is empty."""
    fields = {
        "variables": dict(case.variables),
        "expected": case.expected,
        "assertions": [assertion_as_dict(assertion) for assertion in case.assertions],
        "threshold": case.threshold,
        "tags": list(case.tags),
        "metadata": dict(case.metadata),
        "given_answer": case.given_answer,
        "prefix": case.prefix,
        "suffix": case.suffix,
        "columns": None if case.columns is None else list(case.columns),
    }
    document = {key: value for key, value in fields.items() if value not in (None, "", [], {})}
    # Two that mean something else when they are empty: an answer without a character is scored,
    # and a case of no column is asked by none.
    if fields["given_answer"] == "":
        document["given_answer"] = ""
    if fields["columns"] == []:
        document["columns"] = []
    return document


def case_from_document(name: str, document: Mapping[str, Any], weight: float = 1.0) -> Case:
    """Return the case that `case_as_document` made a document of.

    Raises:
        SuiteError: an assertion in it is wrong.
    """
    columns = document.get("columns")
    assertions = document.get("assertions", ())
    return Case(
        name=name,
        variables=document.get("variables", {}),
        expected=document.get("expected", ""),
        assertions=tuple(parse_assertion(assertion) for assertion in assertions),
        threshold=document.get("threshold"),
        weight=weight,
        tags=tuple(document.get("tags", ())),
        metadata=document.get("metadata", {}),
        given_answer=document.get("given_answer"),
        prefix=document.get("prefix", ""),
        suffix=document.get("suffix", ""),
        columns=None if columns is None else tuple(columns),
    )


def case_key(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what is asked and checked: the same case in every run."""
    # Names, tags, metadata and weights may change without making it another case.
    names = ("variables", "expected", "assertions", "threshold", "given_answer", "prefix", "suffix")
    content = {name: document[name] for name in names if name in document}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
