"""The driver for asyncio: `connect`, and what it returns. It needs no Django."""

from django_hrana.driver.aio.connection import (
    DEFAULT_MAX_CONNECTIONS,
    AsyncConnection,
    connect,
)

__all__ = ["DEFAULT_MAX_CONNECTIONS", "AsyncConnection", "connect"]
