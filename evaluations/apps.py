"""The evaluations app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EvaluationsConfig(AppConfig):
    """Test suites, evaluations and their results."""

    name = "evaluations"
    verbose_name = _("Evaluations")
