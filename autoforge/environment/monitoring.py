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
    Variable(
        name="TRACE_REQUESTS",
        kind="boolean",
        default="false",
        allowed="true or false",
        example="true",
        description="Whether requests and their SQL are traced, to the OpenTelemetry collector.",
        group=GROUP,
    ),
    Variable(
        name="OTEL_TRACES_SAMPLER",
        kind="sampler",
        default="parentbased_always_on",
        allowed=(
            "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off "
            "or parentbased_traceidratio"
        ),
        example="parentbased_traceidratio",
        description="Which requests are traced, with TRACE_REQUESTS: a sampler of OpenTelemetry.",
        group=GROUP,
    ),
    Variable(
        name="OTEL_TRACES_SAMPLER_ARG",
        kind="ratio",
        default="1.0",
        allowed="a number from 0 to 1",
        example="0.1",
        description="Share of requests that a traceidratio sampler chooses, from 0 to 1.",
        group=GROUP,
    ),
    Variable(
        name="SENTRY_DSN",
        kind="sentry_dsn",
        secret=True,
        allowed="a DSN such as https://key@sentry.example.com/42",
        example="",
        description="Where unhandled errors are reported: the DSN of a project at Sentry.",
        group=GROUP,
    ),
)
