"""The variables of metrics, traces of requests, and error reports: rows of the table."""

from typing import Final

from autoforge.environment.variable import Variable

__all__ = ["MONITORING"]

GROUP: Final = "Monitoring"

MONITORING: Final = (
    Variable(
        name="METRICS_TOKEN",
        kind="secret",
        secret=True,
        generated=True,
        allowed="32 or more random characters",
        example="",
        description="Token for /metrics (Prometheus); without it, only local answers, to itself.",
        group=GROUP,
    ),
    Variable(
        name="METRICS_HOST",
        kind="host",
        default="127.0.0.1",
        allowed="a host name or an IP address",
        example="127.0.0.1",
        description="Address on which a worker answers Prometheus; another needs METRICS_TOKEN.",
        group=GROUP,
    ),
    Variable(
        name="METRICS_PORT",
        kind="port",
        allowed="an integer from 1 to 65535",
        example="9464",
        description="TCP port on which a worker answers Prometheus, at /metrics; if not set, none.",
        group=GROUP,
    ),
)
