"""Does the database answer, and which one is it?"""

import time

from autoforge.health.database import read_server_facts


def probe() -> str:
    """Return engine, version, place and how long an answer takes.

    Raises:
        ProbeError: it does not answer.
    """
    started = time.perf_counter()
    facts = read_server_facts()
    latency_ms = (time.perf_counter() - started) * 1000
    return f"{facts.engine} {facts.version}, {facts.location}, {latency_ms:.1f} ms"
