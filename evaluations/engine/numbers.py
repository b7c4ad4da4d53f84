"""Numbers of files, forms and services: what of them can be counted with."""

import math

__all__ = ["finite"]


def finite(value: object) -> float | None:
    """Return a number as a float; None for what is none, is not finite or is too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of more than 308 digits
        return None
