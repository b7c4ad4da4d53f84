"""The admin's front page: counts, recent activity and one chart, each for who may see it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timesince, timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from autoforge.operations.backups.newest import (
    NewestBackup,
    newest_good_backup,
    scheduled_every,
)
from core.token_expiry import read_token_expiry
from evaluations.selectors import overview as evaluations
from prompts import selectors as prompts

__all__ = ["Card", "Notice", "environment_badge", "fill"]

DAYS = 30
ROWS = 6
ENGINES = {"core.sqlite": "SQLite", "django_hrana": "libSQL"}
GREY = "#7c8798"  # readable on white and on the dark scheme's ground
# Chart.js: whole numbers, a legend, and no more dates than there is room for.
CHART_OPTIONS = {
    "responsive": True,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": True, "align": "end", "labels": {"color": GREY}}},
    "scales": {
        "x": {
            "grid": {"display": False},
            "ticks": {"maxTicksLimit": 10, "maxRotation": 0, "color": GREY},
        },
        "y": {"beginAtZero": True, "ticks": {"precision": 0, "color": GREY}},
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One number with what it counts."""

    label: str
    """What is counted."""
    count: int
    """How many there are."""
    note: str
    """How they divide."""
    url: str
    """The list of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What somebody should do before it becomes an outage."""

    text: str
    """What it is, and how to mend it."""
    is_urgent: bool
    """Whether it is one already."""


def environment_badge(request: HttpRequest) -> list[str]:
    """Return name and colour of the environment, for the page's head."""
    colours = {"local": "info", "staging": "warning", "production": "danger"}
    return [settings.APP_ENV, colours[settings.APP_ENV]]


def fill(request: HttpRequest, context: dict[str, object]) -> dict[str, Any]:
    """Add what the front page shows to `context`."""
    may_prompts = request.user.has_perm("prompts.view_prompt")
    may_evaluations = request.user.has_perm("evaluations.view_evaluation")
    cards: list[Card] = []
    versions: list[dict[str, Any]] = []
    recent: list[dict[str, Any]] = []
    if may_prompts:
        cards += _prompt_cards()
        versions = _versions()
    if may_evaluations:
        cards += _evaluation_cards()
        recent = _evaluations()
    chart = ""
    if cards:  # else the person may see nothing that it could show
        data = _chart(may_prompts=may_prompts, may_evaluations=may_evaluations)
        chart = json.dumps(data, default=str)
    has_content = any(card.count for card in cards)
    newest = newest_good_backup()
    return context | {
        "cards": cards,
        "is_empty": bool(cards) and not has_content,
        "versions": versions,
        "evaluations": recent,
        "chart": chart,
        "chart_options": json.dumps(CHART_OPTIONS),
        "system": _system(newest),
        "notices": [*_token_notices(), *_backup_notices(newest)],
    }


# Notices are for whoever sees this page: an outage, or lost work, would be everybody's.


def _token_notices() -> list[Notice]:
    token = read_token_expiry()
    if token is None or not token.is_soon:
        return []
    ends = timezone.localtime(token.ends)
    sentence = _("The database's token expires on %(time)s (%(zone)s). Renew it with %(command)s.")
    if token.has_expired:
        sentence = _(
            "The database's token expired on %(time)s (%(zone)s). Renew it with %(command)s."
        )
    facts = {
        "time": date_format(ends, "SHORT_DATETIME_FORMAT"),
        "zone": ends.tzname(),
        "command": "manage.py turso token rotate",
    }
    return [Notice(text=sentence % facts, is_urgent=token.has_expired)]


def _backup_notices(newest: NewestBackup | None) -> list[Notice]:
    if newest is None or not newest.is_overdue:
        return []
    sentence = _(
        "The newest good backup was made %(age)s ago: the next one is overdue. "
        "See why with %(command)s."
    )
    facts = {
        "age": timesince.timesince(newest.made_at, depth=1),
        "command": "manage.py check_health --probe backups",
    }
    return [Notice(text=sentence % facts, is_urgent=True)]


def _prompt_cards() -> list[Card]:
    counts = prompts.count_prompts_by_status()
    note = _("%(active)d active, %(draft)d draft, %(archived)d archived") % counts
    return [
        Card(
            label=_("Prompts"), count=sum(counts.values()), note=note, url=_list("prompts_prompt")
        ),
        Card(
            label=_("Templates"),
            count=prompts.count_templates(),
            note=_("starting points for new prompts"),
            url=_list("prompts_prompttemplate"),
        ),
    ]


def _evaluation_cards() -> list[Card]:
    counts = evaluations.count_evaluations_by_status()
    note = _("%(completed)d completed, %(running)d running, %(failed)d failed") % counts
    return [
        Card(
            label=_("Evaluations"),
            count=sum(counts.values()),
            note=note,
            url=_list("evaluations_evaluation"),
        ),
        Card(
            label=_("Test results"),
            count=evaluations.count_results(),
            note=_suites(evaluations.count_suites()),
            url=_list("evaluations_testresult"),
        ),
    ]


def _suites(count: int) -> str:
    return ngettext("in %(count)d suite", "in %(count)d suites", count) % {"count": count}


def _list(name: str) -> str:
    return reverse(f"admin:{name}_changelist")


def _versions() -> list[dict[str, Any]]:
    rows = []
    for version in prompts.recent_versions(ROWS):
        row = {
            "url": reverse("admin:prompts_promptversion_change", args=[version.pk]),
            "title": version.prompt.title,
            "number": version.number,
            "author": version.author,
            "note": version.change_note,
            "at": version.created_at,
        }
        rows.append(row)
    return rows


def _evaluations() -> list[dict[str, Any]]:
    rows = []
    for evaluation in evaluations.recent_evaluations(ROWS):
        version = evaluation.version  # None where the prompt came from a file
        _state, status = evaluation.outcome
        row = {
            "url": reverse("admin:evaluations_evaluation_change", args=[evaluation.pk]),
            "title": evaluation.title,
            "number": version.number if version else None,
            "status": status,
            "score": evaluation.overall_score,
            "at": evaluation.created_at,
        }
        rows.append(row)
    return rows


def _chart(*, may_prompts: bool, may_evaluations: bool) -> dict[str, Any]:
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight - timedelta(days=DAYS - 1)
    series: list[tuple[str, str, Callable[[], dict[date, int]]]] = []
    if may_prompts:
        series.append((_("New versions"), "#9333ea", lambda: prompts.daily_versions(since)))
    if may_evaluations:
        series.append((_("Evaluations"), "#0ea5e9", lambda: evaluations.daily_counts(since)))
    datasets = []
    for label, colour, read in series:
        counts = read()
        data = [counts.get(day, 0) for day in days]
        datasets.append({"label": label, "data": data, "backgroundColor": colour})
    labels = [date_format(day, "MONTH_DAY_FORMAT") for day in days]
    return {"labels": labels, "datasets": datasets}


def _backup_age(newest: NewestBackup | None) -> str:
    """Return how old the newest good backup is; empty where nobody makes any."""
    if newest is None:
        return "" if scheduled_every() is None else _("none yet")
    age = _("%(age)s ago") % {"age": timesince.timesince(newest.made_at, depth=1)}
    return _("%(age)s, overdue") % {"age": age} if newest.is_overdue else age


def _system(newest: NewestBackup | None) -> list[tuple[str, str]]:
    """Return facts of the installation: which, never what the secrets are."""
    yes, no = _("configured"), _("not configured")
    services = {
        "OpenAI": settings.OPENAI_API_KEY,
        "Anthropic": settings.ANTHROPIC_API_KEY,
        "Langfuse": settings.LANGFUSE_HOST and settings.LANGFUSE_SECRET_KEY,
        "OpenTelemetry": settings.OTEL_EXPORTER_OTLP_ENDPOINT
        or settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
        "Clerk": settings.CLERK_SECRET_KEY,
    }
    engine = settings.DATABASES["default"]["ENGINE"]
    cache = "Redis" if settings.HAS_REDIS else _("in this process")
    rows = [(_("Database"), ENGINES.get(engine, engine)), (_("Cache"), cache)]
    backup = _backup_age(newest)
    if backup:
        rows.append((_("Newest backup"), backup))
    for name, key in services.items():
        state = yes if key else no
        rows.append((name, state))
    return rows
