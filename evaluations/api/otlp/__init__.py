"""OTLP/HTTP: other programs send their traces, and calls of models among them become records.

https://opentelemetry.io/docs/specs/otlp/#otlphttp

`request_bodies` opens the body, `evaluations.otlp` reads it, `answers` says what became of it.
"""

from evaluations.api.otlp.views import traces

__all__ = ["traces"]
