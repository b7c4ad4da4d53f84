"""The round: every check in its order, and what each found."""

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module

from autoforge.doctor.findings import Finding, Look, NotCheckedError, Options, State, problem
from autoforge.doctor.rounds import CHECKS, Check

__all__ = ["examine", "is_healthy"]

PASSED = (State.OK, State.WARNING)


def examine(options: Options, checks: Sequence[Check] = CHECKS) -> Iterator[Finding]:
    """Make the checks, and yield what each finds, as soon as it is known.

    Args:
        options: what is asked for.
        checks: which, in their order.
    """
    failed: set[str] = set()
    for check in checks:
        ground = [name for name in check.needs if name in failed]
        if check.option and not getattr(options, check.option):
            text = f"only with --{check.option}"
            yield Finding(check=check.name, state=State.NOT_ASKED, text=text)
            continue
        if ground:
            failed.add(check.name)
            text = f"{check.looks_at}: {' and '.join(ground)} did not pass"
            yield Finding(check=check.name, state=State.NOT_CHECKED, text=text)
            continue
        for finding in _look(check, options):
            if finding.state not in PASSED:
                failed.add(check.name)
            yield finding


def _look(check: Check, options: Options) -> Iterator[Finding]:
    """Yield what one check finds; whatever happens to it is a finding too."""
    try:
        module, _, name = check.function.partition(":")
        look: Look = getattr(import_module(f"autoforge.doctor.{module}"), name)
        yield from look(options)
    except NotCheckedError as reason:
        text = f"{check.looks_at}: {reason}"
        yield Finding(check=check.name, state=State.NOT_CHECKED, text=text)
    except Exception as error:  # noqa: BLE001 (a check that fails must not end the round)
        yield _explain(check, error)


def _explain(check: Check, error: Exception) -> Finding:
    """Return what an error means: a bad day of the database, or a fault of ours."""
    from core.database.explanation import describe_schema_fault  # by now Django is there
    from core.database.outages import find_outage

    outage = find_outage(error)
    if outage is not None:
        remedy = f"{outage.remedy[:1].upper()}{outage.remedy[1:]}."
        return problem(check.name, outage.cause, remedy if outage.remedy else "")
    sentence = describe_schema_fault(error)
    if sentence is not None:
        cause, _, remedy = sentence.partition("; ")
        return problem(check.name, cause, f"{remedy[:1].upper()}{remedy[1:]}.")
    return problem(
        check.name,
        f"this check failed ({type(error).__name__}: {error})",
        "Report it: this is a bug in AutoForge.",
    )


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether everything that was asked for has passed."""
    return all(finding.state in (*PASSED, State.NOT_ASKED) for finding in findings)
