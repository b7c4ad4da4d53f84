"""Where each operation on evaluations stands below /api/v1."""

from http import HTTPStatus

from dmr.routing import path

from core.api.problems import register_problem
from core.api.streams import TooManyWatchersError
from core.uploads import accepts_upload
from evaluations.api import (
    cases,
    events,
    gates,
    profiles,
    reports,
    results,
    runs,
    suite_files,
    suites,
)
from evaluations.engine.errors import EngineError
from evaluations.suite_files import UPLOAD_LIMITS

__all__ = ["ROUTES"]

# A file, a model or a limit is not what it has to be: the sentence says what is.
register_problem(EngineError, HTTPStatus.UNPROCESSABLE_ENTITY)
register_problem(TooManyWatchersError, HTTPStatus.SERVICE_UNAVAILABLE)

TAKE_FILES = accepts_upload(2 * UPLOAD_LIMITS.size_bytes, command="import_suite")

ROUTES = [
    path("suites", suites.Suites.as_view(), name="suites"),
    path("suites/import", TAKE_FILES(suite_files.SuiteImport.as_view()), name="suite-import"),
    path("suites/<uuid:id>", suites.OneSuite.as_view(), name="suite"),
    path("suites/<uuid:id>/export", suite_files.SuiteExport.as_view(), name="suite-export"),
    path("suites/<uuid:id>/cases", cases.Cases.as_view(), name="cases"),
    path("cases/<uuid:id>", cases.OneCase.as_view(), name="case"),
    path("runs", runs.Runs.as_view(), name="runs"),
    path("runs/estimate", runs.Estimate.as_view(), name="run-estimate"),
    path("runs/<uuid:id>", runs.OneRun.as_view(), name="run"),
    path("runs/<uuid:id>/events", events.RunEvents.as_view(), name="run-events"),
    path("runs/<uuid:id>/results", results.Results.as_view(), name="results"),
    path("runs/<uuid:id>/report", reports.RunReport.as_view(), name="run-report"),
    path("runs/<uuid:id>/compare", reports.ColumnComparison.as_view(), name="run-comparison"),
    path("results/<uuid:id>", results.OneResult.as_view(), name="result"),
    path("results/<uuid:id>/rating", results.OwnRating.as_view(), name="own-rating"),
    path("runs/<uuid:id>/cancel", runs.CancelledRun.as_view(), name="cancelled-run"),
    path("runs/<uuid:id>/resume", runs.ResumedRun.as_view(), name="resumed-run"),
    path("runs/<uuid:id>/retry", runs.RetriedRun.as_view(), name="retried-run"),
    path("runs/<uuid:id>/rescore", runs.RescoredRun.as_view(), name="rescored-run"),
    path("trash/runs", runs.TrashedRuns.as_view(), name="trashed-runs"),
    path("trash/runs/<uuid:id>", runs.TrashedRun.as_view(), name="trashed-run"),
    path("trash/suites", suites.TrashedSuites.as_view(), name="trashed-suites"),
    path("trash/suites/<uuid:id>", suites.TrashedSuite.as_view(), name="trashed-suite"),
    path("profiles", profiles.Profiles.as_view(), name="profiles"),
    path("profiles/<uuid:id>", profiles.OneProfile.as_view(), name="profile"),
    path("gates", gates.Gates.as_view(), name="gates"),
    path("gates/history", gates.PromptGateHistory.as_view(), name="prompt-gate-history"),
    path("gates/<uuid:id>", gates.OneGate.as_view(), name="gate"),
    path("gates/<uuid:id>/history", gates.GateHistory.as_view(), name="gate-history"),
]
