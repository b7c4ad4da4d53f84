"""Does the cache keep a value, give it back, delete it and forget it in time?"""

import time
import uuid
from typing import Any

from django.conf import settings
from django.core.cache import cache

from autoforge.health.errors import ProbeError

LIFE_SECONDS = 0.05
NO_REDIS = "in-process cache (no Redis is configured)"


def probe() -> str:
    """Store, read, delete and let expire.

    Raises:
        ProbeError: the cache does not answer, or answers wrongly.
    """
    url = settings.ENVIRONMENT.redis_url
    if url is None:
        _exercise(cache)
        return NO_REDIS
    return _exercise_redis(url)


def _exercise_redis(url: str) -> str:
    # Here, not above: a tenth of what a start without Redis would import is Redis's client.
    from django_redis.exceptions import ConnectionInterrupted
    from redis.exceptions import RedisError

    from autoforge.cache import RedisCache, explain_failure, server_name

    # The client below the cache: the cache itself would hide that the server is away.
    client = RedisCache(url, settings.CACHES["default"]).client
    try:
        _exercise(client)
    except (ConnectionInterrupted, RedisError, OSError) as error:
        raise ProbeError(*explain_failure(url, error)) from error
    return f"Redis at {server_name(url)}"


def _exercise(client: Any) -> None:
    key = f"health:{uuid.uuid4().hex}"
    client.set(key, "value", timeout=LIFE_SECONDS * 100)
    _expect(client.get(key), "value", "a stored value cannot be read back")
    client.delete(key)
    _expect(client.get(key), None, "a deleted value is still there")
    client.set(key, "value", timeout=LIFE_SECONDS)
    time.sleep(LIFE_SECONDS * 2)
    _expect(client.get(key), None, "an expired value is still there")


def _expect(actual: object, expected: object, fault: str) -> None:
    if actual != expected:
        raise ProbeError(fault, "Check the memory limit and eviction policy of the Redis server.")
