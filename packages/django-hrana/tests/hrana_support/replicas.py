"""What is done to a server behind a replica, and waiting until the replica has seen it."""

import time
from collections.abc import Callable

from django_hrana import driver

FOLLOW_SECONDS = 60  # a busy machine; it takes a part of a second


def wait_for(condition: Callable[[], object]) -> object:
    """Return what the condition gives as soon as it is true."""
    deadline = time.monotonic() + FOLLOW_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("it did not become true")


def run(url: str, *statements: str, namespace: str | None = None, token=None) -> None:
    """Run statements on the server."""
    with driver.connect(url, namespace=namespace, auth_token=token, autocommit=True) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
    connection.close()
