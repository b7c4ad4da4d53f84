"""Run probes side by side, each within its time, and gather what they found."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from django.conf import settings
from django.db import connections

from autoforge.health.errors import ProbeError
from autoforge.health.probes import PROBES

__all__ = ["Check", "Report", "run_probes"]

HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
Probe = Callable[[], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What one probe found."""

    name: str
    """The probe."""
    status: str
    """"healthy" or "unhealthy"."""
    duration_ms: float
    """How long it took, in milliseconds."""
    detail: str
    """What it saw, without secrets."""
    hint: str
    """How to fix it; empty where there is nothing to fix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What all probes found."""

    status: str
    """"healthy" if every check is, else "unhealthy"."""
    environment: str
    """local, staging or production."""
    checks: tuple[Check, ...]
    """One a probe, in the order asked for."""

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON documents are made of."""
        document = asdict(self)
        document["checks"] = list(document["checks"])  # JSON knows no tuples
        return document


def run_probes(
    names: Iterable[str] | None = None,
    *,
    timeout_seconds: float,
    probes: Mapping[str, Probe] = PROBES,
) -> Report:
    """Run the named probes, or all, and return what they found within `timeout_seconds`.

    Each runs in a thread of its own: one that hangs is reported, and left behind.
    """
    if names is None:
        names = probes
    runs = [_Run(name, probes[name]) for name in names]
    deadline = time.monotonic() + timeout_seconds
    for run in runs:
        run.thread.start()
    for run in runs:
        run.thread.join(max(0.0, deadline - time.monotonic()))
    status = HEALTHY
    checks = []
    for run in runs:
        check = run.check or run.late(timeout_seconds)
        checks.append(check)
        if check.status != HEALTHY:
            status = UNHEALTHY
    return Report(status=status, environment=settings.APP_ENV, checks=tuple(checks))


class _Run:
    """One probe in its thread."""

    def __init__(self, name: str, probe: Probe) -> None:
        self.name = name
        self.probe = probe
        self.check: Check | None = None
        self.thread = threading.Thread(target=self._work, name=f"probe-{name}", daemon=True)

    def _work(self) -> None:
        started = time.perf_counter()
        status, detail, hint = HEALTHY, "", ""
        try:
            detail, _, hint = self.probe().partition("\n")
        except ProbeError as error:
            status, detail, hint = UNHEALTHY, str(error), error.hint
        except Exception as error:  # noqa: BLE001 (whatever a probe meets is a finding)
            status, detail = UNHEALTHY, f"the probe failed: {type(error).__name__}"
            hint = "See the log for the traceback, and report it."
        finally:
            connections.close_all()  # this thread's own
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        self.check = Check(
            name=self.name, status=status, duration_ms=duration_ms, detail=detail, hint=hint
        )

    def late(self, timeout_seconds: float) -> Check:
        return Check(
            name=self.name,
            status=UNHEALTHY,
            duration_ms=timeout_seconds * 1000,
            detail=f"no result within {timeout_seconds:g} s",
            hint=(
                "Something may hold a lock, or a server may not be responding; try a longer "
                "--timeout."
            ),
        )
