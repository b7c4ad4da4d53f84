"""A test runner that writes down what became of each test, one JSON object in a line.

Runs inside Django's `runtests.py`. The outcomes of parallel processes are replayed in the main
process, which alone writes.
"""

import json
import os
import re
import unittest
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connections
from django.test.runner import DiscoverRunner
from django.utils.module_loading import import_string

__all__ = ["RecordingResult", "RecordingRunner"]


# How unittest's mark for "no message" reads where it came out of another process.
NO_MESSAGE: Final = re.compile(r"\[<object object at 0x[0-9a-f]+>\] ?")


def _write(**row: object) -> None:
    # Opened for each line: what has been said is on the disk, whatever happens next.
    with Path(os.environ["CONFORMANCE_RECORD"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


class RecordingResult(unittest.TextTestResult):
    """Also writes each outcome to the file that CONFORMANCE_RECORD names."""

    def addSuccess(self, test: Any) -> None:
        """Record it."""
        super().addSuccess(test)
        _write(id=test.id(), outcome="passed")

    def addError(self, test: Any, err: Any) -> None:
        """Record it."""
        super().addError(test, err)
        _write(id=test.id(), outcome="failed", reason=_first_line(err))

    def addFailure(self, test: Any, err: Any) -> None:
        """Record it."""
        super().addFailure(test, err)
        _write(id=test.id(), outcome="failed", reason=_first_line(err))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Record a failed subtest as its test's failure; one that passes says nothing yet."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            which = NO_MESSAGE.sub("", subtest.id().removeprefix(test.id())).strip()
            _write(id=test.id(), outcome="failed", reason=f"{which} {_first_line(err)}")

    def addSkip(self, test: Any, reason: str) -> None:
        """Record it; where a subtest is skipped, its test is."""
        super().addSkip(test, reason)
        _write(id=getattr(test, "test_case", test).id(), outcome="skipped", reason=str(reason))

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Record it."""
        super().addExpectedFailure(test, err)
        _write(id=test.id(), outcome="expected failure", declared_as=_declared_as(test))

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Record it."""
        super().addUnexpectedSuccess(test)
        _write(id=test.id(), outcome="unexpected success", declared_as=_declared_as(test))


def _first_line(err: Any) -> str:
    lines = f"{err[0].__name__}: {err[1]}".strip().splitlines()
    return lines[0][:300]


def _declared_as(test: Any) -> str:
    """Return the name of the test in the class that has the method: there it was marked."""
    method = test._testMethodName  # noqa: SLF001 (unittest has no other name for it)
    owner = next(parent for parent in type(test).__mro__ if method in vars(parent))
    return f"{owner.__module__}.{owner.__qualname__}.{method}"


class RecordingRunner(DiscoverRunner):
    """Django's runner with that result; it also finds declared tests that do not exist."""

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """Return the class that records."""
        return RecordingResult

    def setup_databases(self, **kwargs: object) -> Any:
        """Make the databases; Django marks the declared tests while it does so."""
        for connection in connections.all():
            creation = connection.creation
            mark = creation.mark_expected_failures_and_skips
            creation.mark_expected_failures_and_skips = partial(_mark, connection, mark)  # type: ignore[method-assign]  # of this object only
        return super().setup_databases(**kwargs)

    def run_suite(self, suite: Any, **kwargs: object) -> Any:
        """Run the tests; the last line says that nothing is missing."""
        result = super().run_suite(suite, **kwargs)
        _write(finished=result.testsRun)
        return result


def _mark(connection: object, mark: Callable[[], None]) -> None:
    for name in sorted(_take_unknown(connection)):
        _write(id=name, outcome="no such test")
    mark()


def _take_unknown(connection: Any) -> Iterator[str]:
    """Take the tests that do not exist out of what is declared; Django would stop at the first."""
    features = connection.features
    # The features belong to the class: what is set here is for this connection's object alone.
    wrong = {name for name in features.django_test_expected_failures if not _exists(name)}
    features.django_test_expected_failures = features.django_test_expected_failures - wrong
    yield from wrong
    skips = features.django_test_skips
    features.django_test_skips = {}
    for reason, names in skips.items():
        features.django_test_skips[reason] = {name for name in names if _exists(name)}
        yield from set(names) - features.django_test_skips[reason]


def _exists(name: str) -> bool:
    """Whether a test exists; those of modules that are not run here count as existing."""
    if name.partition(".")[0] not in settings.INSTALLED_APPS:
        return True
    case, _, method = name.rpartition(".")
    try:
        return callable(getattr(import_string(case), method, None))
    except ImportError:
        return False
