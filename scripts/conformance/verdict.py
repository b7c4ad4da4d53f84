"""What two runs of the same tests, on libSQL and on SQLite, mean. No processes, no Django here."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from conformance.outcomes import Outcome, module_of

__all__ = ["MAX_EXCEPTIONS", "Verdict", "compare_with_document", "judge"]

MAX_EXCEPTIONS: Final = 8  # tests; more would be a backend that does not do what Django promises
# How Django's `skipIfDBFeature` begins: the test is that something is refused, and it is not.
IS_ABLE: Final = "Database has feature(s) "
DID_NOT_RUN: Final = Outcome(outcome="did not run")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a run means."""

    exceptions: Mapping[str, str]
    """Tests that are skipped or expected to fail here and not on SQLite, each with its reason."""
    abilities: Mapping[str, str]
    """Tests of SQLite's refusals that are skipped here because nothing is refused, each with the
    features that this needs."""
    failed: Mapping[str, str]
    """Tests that fail here and not on SQLite, with the first line of the error."""
    failed_on_both: tuple[str, ...]
    """Tests that fail here and on SQLite: the machine's affair, not the backend's."""
    not_run: tuple[str, ...]
    """Tests that pass on SQLite and never came up here."""
    unexpected: tuple[str, ...]
    """Tests that are declared to fail and pass."""
    without_reason: tuple[str, ...]
    """Exceptions that nobody gave a reason for."""
    unknown: tuple[str, ...]
    """Tests that are declared to fail or to be skipped, and do not exist."""

    @property
    def complaints(self) -> list[str]:
        """Why the run is not good, a line each; empty where it is."""
        lines = [f"fails: {name}: {reason}" for name, reason in self.failed.items()]
        lines += [f"passes on SQLite, did not run here: {name}" for name in self.not_run]
        lines += [f"is declared to fail, but passes: {name}" for name in self.unexpected]
        only = "skipped or expected to fail here only"
        lines += [f"is {only}, without a reason: {name}" for name in self.without_reason]
        lines += [f"is declared, but does not exist: {name}" for name in self.unknown]
        if len(self.exceptions) > MAX_EXCEPTIONS:
            lines.append(f"{len(self.exceptions)} tests are {only}; {MAX_EXCEPTIONS} are allowed")
        return lines


def judge(
    ours: Mapping[str, Outcome],
    sqlite: Mapping[str, Outcome],
    reasons: Mapping[str, str],
    modules: Iterable[str],
) -> Verdict:
    """Compare two runs of the same modules.

    Args:
        ours: outcomes on libSQL, by test.
        sqlite: outcomes on SQLite, by test.
        reasons: why a test is declared to fail, by test.
        modules: all of Django's test modules, also those that were not run.
    """
    pairs = [
        (name, _find(name, ours), _find(name, sqlite)) for name in sorted(set(ours) | set(sqlite))
    ]
    differences = dict(_differences(pairs, reasons))
    abilities = {name: text for name, text in differences.items() if text.startswith(IS_ABLE)}
    exceptions = {name: text for name, text in differences.items() if name not in abilities}
    failed: dict[str, str] = {}
    failed_on_both, not_run, unexpected = [], [], []
    for name, here, there in pairs:
        if _fails(here) and _fails(there):
            failed_on_both.append(name)
        elif _fails(here):
            failed[name] = here.reason
        elif here == DID_NOT_RUN and _passes(there):
            not_run.append(name)
        elif here.outcome == "unexpected success" and there.outcome != here.outcome:
            unexpected.append(name)
    return Verdict(
        exceptions=exceptions,
        abilities=abilities,
        failed=failed,
        failed_on_both=tuple(failed_on_both),
        not_run=tuple(not_run),
        unexpected=tuple(unexpected),
        without_reason=tuple(name for name, reason in exceptions.items() if not reason),
        unknown=tuple(sorted(_find_unknown(ours, reasons, set(modules)))),
    )


def _find(name: str, outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return a test's outcome; one whose class was skipped whole is skipped."""
    whole_class = f"setUpClass ({name.rpartition('.')[0]})"
    return outcomes.get(name) or outcomes.get(whole_class) or DID_NOT_RUN


def _differences(
    pairs: Iterable[tuple[str, Outcome, Outcome]], reasons: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    for name, here, there in pairs:
        if here.outcome == "expected failure":
            # Also where SQLite skips the test: that it fails here is still to be said.
            if there.outcome != "expected failure" and not _fails(there):
                yield name, reasons.get(here.declared_as or name, "")
        elif here.outcome == "skipped" and _passes(there):
            yield name, here.reason


def _find_unknown(
    ours: Mapping[str, Outcome], reasons: Iterable[str], modules: set[str]
) -> Iterator[str]:
    for name, here in ours.items():
        if here.outcome == "no such test":
            yield name
    for name in reasons:
        if module_of(name) not in modules:
            yield name


def _passes(outcome: Outcome) -> bool:
    return outcome.outcome == "passed"


def _fails(outcome: Outcome) -> bool:
    return outcome.outcome == "failed"


def compare_with_document(
    verdict: Verdict, documented: Iterable[str], modules: Iterable[str]
) -> list[str]:
    """Return complaints about a document that says something else than this run.

    Args:
        verdict: of the run.
        documented: the exceptions that the document lists.
        modules: those that were run; the document may hold more.
    """
    ran = set(modules)
    listed = {name for name in documented if module_of(name) in ran}
    only = "is skipped or expected to fail here only, but not in the document"
    complaints = []
    for name, reason in verdict.exceptions.items():
        if name not in listed:
            complaints.append(f"{only}: {name} ({reason})")
    gone = sorted(listed - set(verdict.exceptions))
    return complaints + [f"is in the document, but no exception any more: {name}" for name in gone]
