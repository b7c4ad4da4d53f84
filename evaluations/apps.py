"""The evaluations app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationsConfig(AppConfig):
    """Test suites, evaluations and their results."""

    name = "evaluations"
    verbose_name = _("Evaluations")

    def ready(self) -> None:
        """Add our release check, our tab and our scores to prompts, our events to webhooks."""
        from core.events.types import register_event_type
        from evaluations import checks  # noqa: F401 (registers itself)
        from evaluations.event_types import EVENT_TYPES

        for name, description in EVENT_TYPES.items():
            register_event_type(name, description)

        # They need the models, which are ready now.
        from evaluations.prompt_panel import latest_scores, render_panel
        from evaluations.release_gates import check_release
        from prompts.interface import Panel, register_check, register_panel, register_scores

        register_check("evaluated", check_release)
        register_panel(Panel(name="evaluations", title=_("Evaluations"), render=render_panel))
        register_scores(latest_scores)
