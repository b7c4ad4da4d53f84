"""What a probe raises."""

from autoforge.logging.secrets import hide_text

__all__ = ["ProbeError"]


class ProbeError(Exception):
    """Something is not well; the text holds no secret, whatever a driver has written into it.

    Attributes:
        hint: how to mend it, one sentence.
    """

    def __init__(self, detail: str, hint: str) -> None:
        self.hint = hint
        super().__init__(hide_text(detail))
