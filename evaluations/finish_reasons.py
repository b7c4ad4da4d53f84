"""Why an answer ended, in a sentence for people: reports and pages show the same one."""

from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

__all__ = ["REMARKABLE", "explain_finish"]

ORDINARY: Final = ("", "stop", "tool_calls")
# Results about which there is more to say than their text.
REMARKABLE: Final = ~Q(finish_reason__in=ORDINARY) | Q(error="", output="")
SENTENCES: Final = {
    "length": gettext_noop("The answer was cut off at the token limit"),
    "content_filter": gettext_noop("The content filter of the provider blocked the answer"),
    "error": gettext_noop("The provider interrupted the answer"),
}
# The service's own words that say more than ours.
OWN_SENTENCES: Final = {
    "pause_turn": gettext_noop("The model paused before its answer was complete"),
    "model_context_window_exceeded": gettext_noop(
        "The answer was cut off because the model's context was full"
    ),
}
ALL_REASONING: Final = gettext_noop(
    "The answer is empty: all tokens were spent on reasoning; raise the token limit"
)
EMPTY_AT_LIMIT: Final = gettext_noop("The answer is empty: it was cut off at the token limit")
EMPTY: Final = gettext_noop("The answer is empty")
OTHER: Final = gettext_noop("The model stopped for an unknown reason")


def explain_finish(
    *, output: str, error: str, finish_reason: str, details: Mapping[str, Any]
) -> str:
    """Return why an answer is not all that the model had to say; "" where there is nothing to say.

    Args:
        output: the answer's text.
        error: why it is an error, if it is one.
        finish_reason: as the engine has it: stop, length, content_filter, tool_calls, error.
        details: what is stored besides: `reasoning_tokens`, `service_reason`.
    """
    if finish_reason in ORDINARY and (output or error):
        return ""
    own = str(details.get("service_reason") or "")
    sentence = OWN_SENTENCES.get(own) or SENTENCES.get(finish_reason, OTHER)
    if finish_reason == "length" and not output:
        sentence = ALL_REASONING if details.get("reasoning_tokens") else EMPTY_AT_LIMIT
    if finish_reason in ORDINARY:
        sentence = EMPTY
    if not finish_reason:
        return _(sentence)
    reason = f"{finish_reason}, {own}" if own else finish_reason
    return f"{_(sentence)} (finish_reason {reason})"
