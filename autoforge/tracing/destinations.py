"""Where traces go, by the settings; nothing is imported or started for it."""

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

__all__ = ["Destination", "find_collector", "find_destinations"]

LANGFUSE_PATH: Final = "/api/public/otel/v1/traces"
COLLECTOR_PATH: Final = "/v1/traces"
# Langfuse shows what such requests bring at once; its own SDK sends this number.
LANGFUSE_VERSION: Final = ("X-Langfuse-Ingestion-Version", "4")


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """A collector."""

    name: str
    """What the log calls it."""
    url: str
    """Whole, without credentials."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Names and values; credentials among them."""
    content_type: str = "application/x-protobuf"
    """Of requests, and of answers that are read."""
    subject: str = "Traces"
    """What is sent, as the log calls it; in the plural."""


def find_destinations() -> list[Destination]:
    """Return where traces go; mostly nowhere."""
    destinations = []
    public, secret = settings.LANGFUSE_PUBLIC_KEY, settings.LANGFUSE_SECRET_KEY
    if settings.LANGFUSE_HOST and public and secret:
        credentials = b64encode(f"{public}:{secret}".encode()).decode()
        langfuse = Destination(
            name="Langfuse",
            url=_join(settings.LANGFUSE_HOST, LANGFUSE_PATH),
            headers=(("Authorization", f"Basic {credentials}"), LANGFUSE_VERSION),
        )
        destinations.append(langfuse)
    collector = find_collector()
    if collector is not None:
        destinations.append(collector)
    return destinations


def find_collector() -> Destination | None:
    """Return the collector of OpenTelemetry; None where there is none."""
    url = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
    if not url and settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        url = _join(settings.OTEL_EXPORTER_OTLP_ENDPOINT, COLLECTOR_PATH)
    if not url:
        return None
    headers = settings.OTEL_EXPORTER_OTLP_HEADERS
    return Destination(name="the collector", url=url, headers=headers)


def _join(base: str, path: str) -> str:
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + path))
