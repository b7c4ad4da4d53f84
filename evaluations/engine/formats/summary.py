"""What an import will compare and what it will not, in sentences for whoever imports."""

from collections.abc import Iterable
from typing import Final

from core.language import gettext as _
from evaluations.engine.types import Assertion, Suite

__all__ = ["describe_checks", "has_check"]

NAMES_SHOWN: Final = 20


def has_check(assertions: Iterable[Assertion]) -> bool:
    """Whether one of the assertions can decide; those of weight 0 are only recorded."""
    return any(
        assertion.weight > 0 and (not assertion.assertions or has_check(assertion.assertions))
        for assertion in assertions
    )


def describe_checks(suite: Suite) -> list[str]:
    """Return how many cases have a check, what nothing compares, and which variables there are."""
    count = len(suite.cases)
    unchecked = [case for case in suite.cases if not has_check(case.assertions)]
    values = {"cases": count, "checked": count - len(unchecked), "unchecked": len(unchecked)}
    if not unchecked:
        sentences = [_("Checks: all %(cases)d cases have one.") % values]
    elif len(unchecked) == count:
        sentence = _("Checks: none of the %(cases)d cases has one, so no answer can pass.")
        sentences = [sentence % values]
    else:
        sentence = _(
            "Checks: %(checked)d of %(cases)d cases have one; %(unchecked)d have none and never "
            "count as passed."
        )
        sentences = [sentence % values]
    uncompared = sum(bool(case.expected) for case in unchecked)
    if uncompared:
        sentence = _(
            "The expected answers of %(count)d cases are not compared; add an assertion, "
            "such as exact (--assert exact)."
        )
        sentences.append(sentence % {"count": uncompared})
    return [*sentences, _describe_variables(suite)]


def _describe_variables(suite: Suite) -> str:
    names = suite.list_variables()
    if not names:
        return _("Variables: none.")
    text = ", ".join(name[:60] for name in names[:NAMES_SHOWN])
    if len(names) > NAMES_SHOWN:
        sentence = _("Variables: %(names)s and %(more)d more.")
        return sentence % {"names": text, "more": len(names) - NAMES_SHOWN}
    return _("Variables: %(names)s.") % {"names": text}
