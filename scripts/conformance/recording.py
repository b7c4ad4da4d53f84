"""A test runner that writes down what became of each test, one JSON object in a line."""

import json
import os
import unittest
from pathlib import Path
from typing import Any

from django.test.runner import DiscoverRunner

__all__ = ["RecordingResult", "RecordingRunner"]


class RecordingResult(unittest.TextTestResult):
    """Also writes each outcome to the file that CONFORMANCE_RECORD names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._file = Path(os.environ["CONFORMANCE_RECORD"]).open("a", buffering=1)  # noqa: SIM115 (open to the end)

    def _record(self, test: Any, outcome: str, reason: str = "") -> None:
        test = getattr(test, "test_case", test)  # a subtest's outcome is its test's
        self._file.write(json.dumps({"id": test.id(), "outcome": outcome, "reason": reason}) + "\n")

    def addSuccess(self, test: Any) -> None:  # noqa: N802 (unittest's names)
        """Record it."""
        super().addSuccess(test)
        self._record(test, "passed")

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addError(test, err)
        self._record(test, "failed", _first_line(err))

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addFailure(test, err)
        self._record(test, "failed", _first_line(err))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._record(test, "failed", _first_line(err))

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addSkip(test, reason)
        self._record(test, "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addExpectedFailure(test, err)
        self._record(test, "expected failure")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802 (as above)
        """Record it."""
        super().addUnexpectedSuccess(test)
        self._record(test, "unexpected success")


def _first_line(err: Any) -> str:
    return f"{err[0].__name__}: {err[1]}".strip().splitlines()[0][:300]


class RecordingRunner(DiscoverRunner):
    """Django's runner with that result."""

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """Return the class that records."""
        return RecordingResult
