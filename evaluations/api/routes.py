"""Where each operation on evaluations stands below /api/v1."""

from http import HTTPStatus

from dmr.routing import path

from core.api.problems import register_problem
from evaluations.api import gates, profiles
from evaluations.engine.errors import EngineError

__all__ = ["ROUTES"]

# A file, a model or a limit is not what it has to be: the sentence says what is.
register_problem(EngineError, HTTPStatus.UNPROCESSABLE_ENTITY)

ROUTES = [
    path("profiles", profiles.Profiles.as_view(), name="profiles"),
    path("profiles/<uuid:id>", profiles.OneProfile.as_view(), name="profile"),
    path("gates", gates.Gates.as_view(), name="gates"),
    path("gates/history", gates.PromptGateHistory.as_view(), name="prompt-gate-history"),
    path("gates/<uuid:id>", gates.OneGate.as_view(), name="gate"),
    path("gates/<uuid:id>/history", gates.GateHistory.as_view(), name="gate-history"),
]
