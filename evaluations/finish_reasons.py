"""Why an answer ended, in a sentence for people: reports and pages show the same one."""

from typing import Final

from django.db.models import Q

from core.sentences import Sentence
from evaluations.stored import AnswerDetails

__all__ = ["REMARKABLE", "explain_finish"]

ORDINARY: Final = ("", "stop", "tool_calls")
# Results about which there is more to say than their text.
REMARKABLE: Final = ~Q(finish_reason__in=ORDINARY) | Q(error="", output="")
# What services say of their own stands beside what it is called here, where it says more.
CODES: Final = {
    "length": "finish.cut",
    "content_filter": "finish.filtered",
    "error": "finish.interrupted",
    "pause_turn": "finish.paused",
    "model_context_window_exceeded": "finish.context-full",
}


def explain_finish(*, output: str, error: str, finish_reason: str, details: object) -> str:
    """Return why an answer is not all that the model had to say; "" where there is nothing to say.

    Args:
        output: the answer's text.
        error: why it is an error, if it is one.
        finish_reason: as the engine has it: stop, length, content_filter, tool_calls, error.
        details: what the result keeps besides, or its text, as `AnswerDetails` reads it.

    Raises:
        StoredJSONError: the details cannot be read.
    """
    if finish_reason in ORDINARY and (output or error):
        return ""
    read = AnswerDetails.read(details)  # only now: most answers have nothing to explain
    own = read.service_reason or ""
    if finish_reason in ORDINARY:
        code = "finish.empty"
    elif finish_reason == "length" and not output:
        code = "finish.all-reasoning" if read.reasoning_tokens else "finish.empty-at-limit"
    else:
        code = CODES.get(own) or CODES.get(finish_reason, "finish.unknown")
    sentence = Sentence(code)
    if not finish_reason:
        return str(sentence)
    reason = f"{finish_reason}, {own}" if own else finish_reason
    return f"{sentence} (finish_reason {reason})"
