"""The evaluations app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationsConfig(AppConfig):
    """Test suites, evaluations and their results."""

    name = "evaluations"
    verbose_name = _("Evaluations")

    def ready(self) -> None:
        """Add our check, tab and scores to prompts."""
        from evaluations import for_prompts  # noqa: PLC0415 (needs the models, which are ready now)

        for_prompts.register()
