"""`make rehearse`: an installation like staging's lives through a bad week, in a few minutes.

A libSQL server that asks for tokens, Redis with a password and a model service that counts, all on
loopback; the env file is rendered from made-up secrets; web and worker run as on a host. Each step
is what docs/operations.md tells an operator to do, and is checked from outside. Status 1 at the
first thing that is not as it must be, with what the programs said.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # launch, and this package
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the tests' own servers

from launch.terminal import say, set_up, step, strong, warn

from autoforge.logging.secrets import hide_text
from rehearse.installation import Installation, RehearsalError
from rehearse.servers import CountingModel
from rehearse.week import Week
from tests.support.fake_turso import FakeTurso

SECONDS: Final = 300  # what it may take
DELAY_MS: Final = 150  # of the model: a run lasts long enough to do something in its middle


def main() -> int:
    """Rehearse; return 0 if everything was as it must be, else 1."""
    set_up()
    say(strong("Rehearsal of operation"))
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="autoforge-week-")))
        installation = Installation(folder)
        stack.callback(installation.close)
        turso = FakeTurso(folder / "turso")
        stack.callback(turso.close)
        model = stack.enter_context(CountingModel(DELAY_MS))
        week = Week(installation, turso, model)
        stack.callback(week.close)
        try:
            for event in week.events():
                _do(event)
        except RehearsalError as error:
            # Commands show a new key once, to their caller; a log of CI is read by many.
            warn(hide_text(str(error)))
            return 1
        if week.boxes:
            warn(f"The guide has boxes that nobody follows: {', '.join(week.boxes)}")
            return 1
        if turso.faults:
            warn(f"Turso was asked for what its document does not allow: {turso.faults}")
            return 1
    seconds = time.monotonic() - began
    if seconds > SECONDS:
        warn(f"It took {seconds:.0f} s; {SECONDS} s are allowed.")
        return 1
    step(f"Everything was as it must be ({seconds:.0f} s)")
    return 0


def _do(event: Callable[[], str]) -> None:
    """Let something happen; say what was seen, and how long it took."""
    began = time.monotonic()
    seen = event()
    step(f"{seen[0].upper()}{seen[1:]} ({time.monotonic() - began:.1f} s)")


if __name__ == "__main__":
    sys.exit(main())
