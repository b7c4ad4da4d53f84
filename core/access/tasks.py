"""What a worker does by itself for access."""

from core.access import services

__all__ = ["forget_old_answers"]


def forget_old_answers() -> None:
    """Remove answers that are too old to be repeated."""
    services.forget_answers()
