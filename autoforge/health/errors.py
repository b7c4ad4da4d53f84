"""What a probe raises."""

__all__ = ["ProbeError"]


class ProbeError(Exception):
    """Something is not well.

    Attributes:
        hint: how to mend it, one sentence.
    """

    def __init__(self, detail: str, hint: str) -> None:
        self.hint = hint
        super().__init__(detail)
