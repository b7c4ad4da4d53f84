"""Asking the probes of health, and keeping a server from making the doctor wait."""

from django.db import connections

from autoforge.doctor.findings import Finding, Options, State
from autoforge.health.report import HEALTHY, run_probes

__all__ = ["ask_probe", "limit_waiting"]


def ask_probe(check: str, probe: str, options: Options) -> Finding:
    """Return what a probe of health finds, as a finding of a check."""
    # A moment more than a server has: what it says of its own delay says more than that it is late.
    [answer] = run_probes([probe], timeout_seconds=options.seconds + 2).checks
    state = State.OK
    if answer.status != HEALTHY:
        state = State.PROBLEM
    elif answer.hint:
        state = State.WARNING
    return Finding(check=check, state=state, text=answer.detail, remedy=answer.hint)


def limit_waiting(seconds: float) -> None:
    """Let the database make nobody in this process wait for longer.

    Args:
        seconds: instead of what its settings say, if that is more.
    """
    for alias in connections:
        options = connections.settings[alias].setdefault("OPTIONS", {})
        options["timeout"] = min(float(options.get("timeout", seconds)), seconds)
