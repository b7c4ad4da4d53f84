"""Events of prompts that webhooks are told of; `prompts.services.webhooks` announces them."""

from typing import Final

from django.utils.translation import gettext_lazy as _

__all__ = ["EVENT_TYPES", "GATE_REFUSED", "LABEL_MOVED", "VERSION_CREATED"]

VERSION_CREATED: Final = "prompt.version.created"
LABEL_MOVED: Final = "label.moved"
GATE_REFUSED: Final = "gate.refused"

EVENT_TYPES: Final = {
    VERSION_CREATED: _("a prompt has a new version, its first one included"),
    LABEL_MOVED: _("a label was moved, rolled back or removed"),
    GATE_REFUSED: _("release checks have kept a label from moving"),
}
"""Name → when it happens."""
