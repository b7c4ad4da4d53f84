"""The worker's work until there is a queue: forget expired sessions once an hour."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

EVERY_SECONDS = 60 * 60
stop = threading.Event()


def end(_number: int, _frame: FrameType | None) -> None:
    """End after the run that is under way."""
    stop.set()


def main() -> int:
    """Work until SIGTERM or SIGINT; return 0."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    import django  # noqa: PLC0415 (needs the line above)
    from django.core.management import call_command  # noqa: PLC0415 (as above)

    django.setup()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while not stop.is_set():
        call_command("clearsessions")
        stop.wait(EVERY_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
