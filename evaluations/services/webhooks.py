"""What webhooks are told of runs: figures and names, never a text of a prompt or an answer."""

from collections.abc import Iterator, Mapping

from core.events.services.outbox import announce_many
from evaluations.event_types import RUN_FINISHED
from evaluations.models import Evaluation, Run
from evaluations.stored import Target

__all__ = ["tell_of_end"]


def tell_of_end(run: Run, status: str) -> None:
    """Tell how a run ends, in the transaction that ends it; columns are read if anybody listens.

    Args:
        run: its columns are written already.
        status: how it ends; the object may not say so yet.
    """

    def describe() -> Iterator[Mapping[str, object]]:
        rows = run.evaluations.order_by("position").select_related("version")
        # Not the version's text, which may be long.
        rows = rows.only("run", "label", "prompt_id", "target", "summary", "version__number")
        yield {
            "run_id": str(run.pk),
            "name": run.name,
            "suite": run.suite.name if run.suite else "",
            "status": status,
            "columns": [_describe_column(row) for row in rows],
        }

    announce_many(event_type=RUN_FINISHED, data=describe())


def _describe_column(row: Evaluation) -> dict[str, object]:
    figures = row.figures
    return {
        # Of a file's prompt the label begins with its text.
        "label": row.label if row.prompt_id else None,
        "prompt_id": str(row.prompt_id) if row.prompt_id else None,
        "version": row.version.number if row.version else None,
        "model": Target.read(row.target).model,
        "answers": figures.answers,
        "errors": figures.errors,
        "pass_rate": figures.pass_rate,
        "mean_score": figures.mean_score,
        "cost_usd": figures.cost_usd,
    }
