"""Runs that a program chooses: previewed, or started in the background."""

from decimal import Decimal
from uuid import UUID

from evaluations.api import run_bodies as bodies
from evaluations.api import run_reading as reading
from evaluations.models import Run
from evaluations.services import choosing
from evaluations.tasks import enqueue_run

__all__ = ["preview", "start", "start_rescoring"]


def preview(body: bodies.RunBody, actor: str) -> bodies.PreviewRead:
    """Return what a run would take; nothing is saved.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    plan = choosing.choose_run(_as_choice(body, actor))
    return reading.as_preview(choosing.preview_run(plan))


def start(body: bodies.RunBody, actor: str) -> Run:
    """Start a run in the background.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    return _begin(choosing.choose_run(_as_choice(body, actor)))


def start_rescoring(run_id: UUID, actor: str) -> Run:
    """Start a run that scores another one's stored answers by its suite as it is now.

    Raises:
        NotFoundError: there is no such run.
    """
    return _begin(choosing.plan_rescoring(run_id, actor=actor))


def _begin(plan: choosing.Plan) -> Run:
    run = choosing.start_run(plan)
    # A message that is lost loses no run: workers look for runs that wait.
    enqueue_run(run.pk)
    return run


def _as_choice(body: bodies.RunBody, actor: str) -> choosing.RunChoice:
    cost = body.max_cost_usd
    return choosing.RunChoice(
        suite_id=body.suite_id,
        prompts=body.prompts,
        models=body.models,
        name=body.name,
        repeats=body.repeats,
        use_cache=body.use_cache,
        judge=body.judge,
        embeddings=body.embeddings,
        baseline_id=body.baseline_id,
        max_cost_usd=None if cost is None else Decimal(str(cost)),
        max_calls=body.max_calls,
        max_seconds=body.max_seconds,
        actor=actor,
    )
