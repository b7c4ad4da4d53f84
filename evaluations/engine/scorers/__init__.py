"""Scorers: one file for each type of assertion, or family of types.

base ◀── the types' modules ◀── registry (by name) ◀── deciding ◀── aggregate (a whole case)
"""

from evaluations.engine.scorers.aggregate import CaseGrade, apply, grade
from evaluations.engine.scorers.base import Context, Scorer, Services
from evaluations.engine.scorers.deciding import can_fail, is_checked
from evaluations.engine.scorers.registry import (
    SCORERS,
    SCORING,
    SET,
    UNSUPPORTED,
    asks_about_refusals,
    check_assertion,
    find,
    nearest,
    required_models,
    service_calls,
)

__all__ = [
    "SCORERS",
    "SCORING",
    "SET",
    "UNSUPPORTED",
    "CaseGrade",
    "Context",
    "Scorer",
    "Services",
    "apply",
    "asks_about_refusals",
    "can_fail",
    "check_assertion",
    "find",
    "grade",
    "is_checked",
    "nearest",
    "required_models",
    "service_calls",
]
