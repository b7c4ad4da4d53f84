"""Events of runs that webhooks are told of; `evaluations.services.runs` announces them."""

from typing import Final

from django.utils.translation import gettext_lazy as _

__all__ = ["EVENT_TYPES", "RUN_FINISHED"]

RUN_FINISHED: Final = "run.finished"

EVENT_TYPES: Final = {RUN_FINISHED: _("a run has completed, stopped, failed or been cancelled")}
"""Name → when it happens."""
