"""What argparse makes of the options of `manage.py evaluate`."""

from typing import TypedDict

__all__ = ["EvaluateOptions"]


class EvaluateOptions(TypedDict):
    """The options by their names; what was not typed has its default, mostly None or ""."""

    file: str | None
    """A promptfoo configuration."""
    suite: str | None
    prompt: list[str]
    provider: list[str]
    judge: str
    embeddings: str
    repeat: int | None
    max_cost: str | None
    """US dollars as they were typed: a float would round them."""
    max_calls: int | None
    max_seconds: float | None
    resume: str | None
    """A run, as are the next three."""
    retry_errors: str | None
    rescore: str | None
    baseline: str | None
    no_cache: bool
    estimate: bool
    background: bool
    format: str
    """A key of `reporting.FORMATS`."""
    output: str | None
    """A file; None: standard output."""
