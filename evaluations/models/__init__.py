"""Tables of evaluations.

    suites (TestSuite ─▶ TestCase)     profiles (ModelProfile)     gates (ReleaseGate, GateEvent)
    spending (KeySpending: what callers of the API spend in a day)
    records (CallRecord: calls of the gateway, and of programs that send their traces)
    runs (Run ─▶ RunCase) ─▶ evaluations (Evaluation) ─▶ results (TestResult ─▶ Rating)

A run asks cases (copied when it is made, so that it can go on although the suite changes) of one
or more columns; a column is an Evaluation: one version of a prompt, one model. Rules that the
database can hold are constraints here; the rest is for `evaluations.services`. Prompts are named by
string: this app knows the other one's models only through foreign keys.
"""

from evaluations.models.evaluations import Evaluation
from evaluations.models.gates import GateEvent, ReleaseGate
from evaluations.models.outcomes import Outcome, completed_outcome
from evaluations.models.profiles import ModelProfile
from evaluations.models.records import CallRecord
from evaluations.models.results import (
    ERRORS,
    UNCHECKED,
    Rating,
    ResultState,
    TestResult,
    result_state,
)
from evaluations.models.runs import Run, RunCase
from evaluations.models.spending import KeySpending
from evaluations.models.suites import TestCase, TestSuite

__all__ = [
    "ERRORS",
    "UNCHECKED",
    "CallRecord",
    "Evaluation",
    "GateEvent",
    "KeySpending",
    "ModelProfile",
    "Outcome",
    "Rating",
    "ReleaseGate",
    "ResultState",
    "Run",
    "RunCase",
    "TestCase",
    "TestResult",
    "TestSuite",
    "completed_outcome",
    "result_state",
]
