"""What a worker does to show that its memory stays: programs that leave much behind."""

import os
import resource

from core.javascript.inside import run

__all__ = ["run_many"]

PROGRAM = {
    "kind": "body",
    "source": """
        globalThis.kept = Array.from({ length: 2000 }, (_, index) => ({ index, text }));
        globalThis.circle = { kept, console, process }; circle.circle = circle;
        return Promise.resolve(text).then((value) => value.length);
    """,
    "parameters": ["text"],
    "exports": [""],
    "files": {},
    "environment": {},
    "gets_process": False,
}


def run_many(count: int) -> tuple[int, int]:
    """Run a program so often; return the most kilobytes the process ever had, and its id."""
    for _number in range(count):
        outcome = run(PROGRAM, '["a text of the case"]')
        assert outcome["state"] == "done", outcome
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, os.getpid()
