"""Collects the tests once, and tries each change in a copy of the process that has them all.

mutmut starts pytest anew in each copy, which takes longer than most of our tests: a second of the
processor, thousands of times.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import _prepareconfig  # pytest has no public way to keep what it collected
from mutmut.configuration import config
from mutmut.runners.harness import PytestRunner
from mutmut.utils.file_utils import change_cwd
from mutmut.workers.isolation import ForkRunner, MutantResult

from mutants.targets import SOURCES

__all__ = ["collect_once"]

OPTIONS = ("-x", "-q", "-s", "--rootdir=.", "--tb=native")

start_runner = ForkRunner.startup
wait_for_result = ForkRunner.wait_for_result
run_pytest = PytestRunner.run_tests


class ForChanges:
    """A plugin of pytest: as little as says whether a change was noticed."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Try few examples, and the same for each change."""
        import hypothesis  # pytest has prepared it by now

        hypothesis.settings.register_profile(
            "changes", max_examples=20, derandomize=True, database=None, deadline=None
        )
        hypothesis.settings.load_profile("changes")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """End the process with the first failure: nobody reads a report of it."""
        if call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
            os._exit(1)


class Collected:
    """A session of pytest that has its tests and has run none of them."""

    def __init__(self, arguments: Iterable[str]) -> None:
        # pytest reports to what is the standard output now, as long as it lives.
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (as above)
        with contextlib.redirect_stdout(nowhere):
            prepared = _prepareconfig([*OPTIONS, *arguments], plugins=[ForChanges()])
            prepared._do_configure()  # noqa: SLF001 (as above)
            self.session = pytest.Session.from_config(prepared)
            prepared.hook.pytest_sessionstart(session=self.session)
            prepared.hook.pytest_collection(session=self.session)
        self.items = {item.nodeid: item for item in self.session.items}

    def run(self, tests: Iterable[str]) -> int:
        """Run some of the tests in their order; return the status if none fails."""
        session = self.session
        session.items = [self.items[name] for name in tests]
        session.config.hook.pytest_runtestloop(session=session)
        return 0


def start(self: ForkRunner) -> None:
    """Collect, then begin as mutmut does."""
    runner: Any = self.test_runner
    with change_cwd("mutants"):
        runner.collected = Collected(
            [*config().pytest_add_cli_args_test_selection, *config().pytest_add_cli_args]
        )
    _refuse_broken(runner.collected)
    start_runner(self)


def _refuse_broken(collected: Collected) -> None:
    """End where tests fail without any change: every change would seem to be noticed."""
    child = os.fork()
    if not child:
        _forget_results()  # as before each change
        with change_cwd("mutants"):
            os._exit(collected.run(collected.items))
    _, status = os.waitpid(child, 0)
    if status:
        raise SystemExit("The tests fail in a copy of the process, without any change.")


def run_tests(self: Any, *, mutant_name: str | None, tests: Iterable[str]) -> Any:
    """Run what was collected; without a change, all of pytest as mutmut does."""
    if mutant_name is None:
        return run_pytest(self, mutant_name=mutant_name, tests=tests)
    _forget_results()
    with change_cwd("mutants"):
        return self.collected.run(tests)


def _forget_results() -> None:
    """Empty what our functions remember: the run without a change has filled it.

    What is answered from memory runs no code, so that no test could notice a change in it.
    """
    remembering: Any = type(lru_cache(_forget_results))
    gc.unfreeze()  # mutmut has taken all objects out of its sight, to copy less memory
    for value in gc.get_objects():
        # Not by isinstance, which asks the object itself: a lazy one of Django's would be loaded.
        if type(value) is remembering and _is_ours(value):
            value.cache_clear()
    effort = sys.modules.get("evaluations.engine.scorers.effort")
    if effort is not None:
        effort._checked.clear()  # noqa: SLF001 (it remembers by a dictionary of its own)


def _is_ours(function: Callable[..., object]) -> bool:
    return function.__module__.partition(".")[0] in SOURCES


def run_clean_tests(_runner: ForkRunner, tests: Iterable[str]) -> int:
    """Do nothing: `start` runs them in a copy of the process."""
    return 0


def wait(self: ForkRunner, timeout: float | None = None) -> MutantResult:
    """Wait for a change; other children are workers that tests have left behind."""
    while True:
        with contextlib.suppress(KeyError):
            return wait_for_result(self, timeout)


def collect_once() -> None:
    """Make mutmut do so from now on."""
    ForkRunner.startup = start  # type: ignore[method-assign]
    ForkRunner.wait_for_result = wait  # type: ignore[method-assign]
    ForkRunner.run_clean_tests = run_clean_tests  # type: ignore[method-assign, assignment]
    PytestRunner.run_tests = run_tests  # type: ignore[method-assign]
