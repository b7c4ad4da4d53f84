"""Every number that is counted as it happens: name, unit, labels, buckets.

Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/): a prefix, base
units, `_total` for what only grows. What labels may be is bounded: names of views instead of paths,
and `Names` for what others choose. Numbers that are read when somebody asks are in `readings`.
"""

import threading
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

__all__ = [
    "CACHE_OPERATIONS",
    "ERRORS",
    "GRADING_CALLS",
    "GRADING_COST",
    "MODEL_CALLS",
    "MODEL_CALL_SECONDS",
    "MODEL_COST",
    "MODEL_TOKENS",
    "OTHER",
    "REGISTRY",
    "REQUESTS",
    "REQUEST_DATABASE_SECONDS",
    "REQUEST_ROUND_TRIPS",
    "REQUEST_SECONDS",
    "REQUEST_STATEMENTS",
    "TASKS",
    "WEBHOOK_DELIVERIES",
    "Names",
]

# When a counter began is said by Prometheus itself, as well as it needs to be: half as many lines.
disable_created_metrics()  # type: ignore[no-untyped-call]  # theirs

REGISTRY: Final = CollectorRegistry(auto_describe=True)
OTHER: Final = "other"

REQUESTS: Final = Counter(
    "autoforge_http_requests",
    "Requests that were answered, by view, method and HTTP status.",
    ["view", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS: Final = Histogram(
    "autoforge_http_request_duration_seconds",
    "Time until the answer to a request began, by view and method.",
    ["view", "method"],
    # From a 304 to a request that a proxy gives up on.
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    registry=REGISTRY,
)
REQUEST_DATABASE_SECONDS: Final = Histogram(
    "autoforge_http_request_database_seconds",
    "Time that a request waited for the database, by view.",
    ["view"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
REQUEST_ROUND_TRIPS: Final = Histogram(
    "autoforge_http_request_database_round_trips",
    "HTTP requests to the libSQL server that a request needed, by view; none with SQLite.",
    ["view"],
    # Most pages need a few, and what needs tens is worth a look.
    buckets=(0, 1, 2, 3, 4, 5, 7, 10, 15, 25, 50, 100),
    registry=REGISTRY,
)
REQUEST_STATEMENTS: Final = Histogram(
    "autoforge_http_request_database_statements",
    "SQL statements that a request executed, by view.",
    ["view"],
    buckets=(0, 1, 2, 3, 5, 8, 12, 20, 35, 60, 100),
    registry=REGISTRY,
)
CACHE_OPERATIONS: Final = Counter(
    "autoforge_cache_operations",
    "Values asked of the cache, by outcome: hit, miss, or error where Redis is away.",
    ["outcome"],
    registry=REGISTRY,
)
MODEL_CALLS: Final = Counter(
    "autoforge_model_calls",
    "Calls of models by runs and the gateway, by outcome: answered or error.",
    ["provider", "model", "outcome"],
    registry=REGISTRY,
)
MODEL_CALL_SECONDS: Final = Histogram(
    "autoforge_model_call_duration_seconds",
    "Time from the question to the answer of a model, retries included.",
    ["provider", "model"],
    buckets=(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0),
    registry=REGISTRY,
)
MODEL_TOKENS: Final = Counter(
    "autoforge_model_tokens",
    "Tokens of calls of models, by direction: input or output.",
    ["provider", "model", "direction"],
    registry=REGISTRY,
)
MODEL_COST: Final = Counter(
    "autoforge_model_cost_usd",
    "Cost of calls of models in US dollars, as far as prices are known.",
    ["provider", "model"],
    registry=REGISTRY,
)
GRADING_CALLS: Final = Counter(
    "autoforge_grading_calls",
    "Calls of judges and embedding models that scored answers.",
    registry=REGISTRY,
)
GRADING_COST: Final = Counter(
    "autoforge_grading_cost_usd",
    "Cost of judges and embedding models in US dollars, as far as prices are known.",
    registry=REGISTRY,
)
ERRORS: Final = Counter(
    "autoforge_errors",
    "Errors in the log, by kind: the class of the exception, else the logger that told of it.",
    ["kind"],
    registry=REGISTRY,
)
WEBHOOK_DELIVERIES: Final = Counter(
    "autoforge_webhook_deliveries",
    "Attempts to deliver webhooks, by outcome: delivered, retried later, or failed for good.",
    ["outcome"],
    registry=REGISTRY,
)
TASKS: Final = Counter(
    "autoforge_tasks",
    "Tasks of the queue that a worker has ended, by outcome: complete, error or interrupted.",
    ["task", "outcome"],
    registry=REGISTRY,
)

# These have all of their labels from the start: an alert on the first error needs a zero before it.
for _outcome in ("hit", "miss", "error"):
    CACHE_OPERATIONS.labels(_outcome)
for _outcome in ("delivered", "retried", "failed"):
    WEBHOOK_DELIVERIES.labels(_outcome)


class Names:
    """Which values of a label are told apart: the first ones that come, the others are `other`.

    Args:
        most: how many; each is several lines in every scrape, for as long as the process lives.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def limit(self, *values: str) -> tuple[str, ...]:
        """Return the values as they are, or as many times `other`."""
        if values in self._known:
            return values
        with self._lock:
            if len(self._known) >= self._most:
                return (OTHER,) * len(values)
            self._known.add(values)
        return values
