"""Numbers that files give: weights, thresholds and limits."""

import math

from core.language import gettext as _
from evaluations.engine.errors import SuiteError
from evaluations.engine.numbers import finite

__all__ = ["number_in"]


def number_in(value: object, name: str, location: object, *, least: float, most: float) -> float:
    """Return a number of a file.

    Args:
        value: what stands there.
        name: what it is called.
        location: where it stands; looked up only where it is shown.
        least: the smallest one that is allowed.
        most: the largest one.

    Raises:
        SuiteError: it is no finite number of that range; one sentence.
    """
    number = finite(value)
    if number is None or not least <= number <= most:
        raise SuiteError("suite.number", at=location, name=name, range=_range(least, most))
    return number


def _range(least: float, most: float) -> str:
    if most < math.inf:
        return _(" from %(least)s to %(most)s") % {"least": f"{least:g}", "most": f"{most:g}"}
    if least > -math.inf:
        return _(", %(least)s or more") % {"least": f"{least:g}"}
    return _(", and finite")
