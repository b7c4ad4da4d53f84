"""Reads of prompts: each is one query, whatever the number of rows."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import (
    BooleanField,
    Count,
    ExpressionWrapper,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, TruncDate

from core.aggregates import JSONGroupArray
from core.errors import NotFoundError
from prompts.models import Prompt, PromptLabel, PromptTemplate, PromptVersion
from prompts.naming import FOLDER, LATEST
from prompts.rendering import Reference, nearest
from prompts.search import matching

__all__ = [
    "count_prompts_by_status",
    "count_templates",
    "daily_versions",
    "explain_missing",
    "find_included",
    "find_named",
    "find_released",
    "get_prompt",
    "get_version",
    "having_tag",
    "label_names",
    "list_labelled_hashes",
    "list_names_in_folders",
    "list_versions",
    "recent_prompts",
    "recent_versions",
    "search_prompts",
]


def get_prompt(prompt_id: UUID | str) -> Prompt:
    """Return the prompt.

    Raises:
        NotFoundError: there is no such prompt, or it is deleted.
    """
    try:
        return Prompt.objects.get(pk=prompt_id)
    except (Prompt.DoesNotExist, ValidationError) as error:
        raise NotFoundError("prompt.missing", key=prompt_id) from error


def get_version(prompt_id: UUID | str, number: int) -> PromptVersion:
    """Return version `number` of the prompt.

    Raises:
        NotFoundError: there is no such prompt or version, or the prompt is deleted.
    """
    try:
        return PromptVersion.objects.select_related("prompt").get(
            prompt_id=prompt_id, prompt__deleted_at__isnull=True, number=number
        )
    except (PromptVersion.DoesNotExist, ValidationError) as error:
        raise NotFoundError("prompt.version-missing", number=number, key=prompt_id) from error


def list_labelled_hashes() -> frozenset[str]:
    """Return the content hashes of the versions that labels point to, of deleted prompts too."""
    hashes = PromptLabel.objects.order_by().values_list("version__content_hash", flat=True)
    return frozenset(hashes.distinct())


def find_version_keys(references: Iterable[tuple[str, int]]) -> dict[tuple[str, int], UUID]:
    """Return (name, number) → key of that version, of those that prompts in use have: one query."""
    asked = set(references)
    names = {name for name, _number in asked}
    numbers = {number for _name, number in asked}
    # More than is asked for, where two references cross: still one query, and sorted out below.
    rows = PromptVersion.objects.filter(
        prompt__name__in=names, prompt__deleted_at__isnull=True, number__in=numbers
    )
    keys = {}
    for name, number, key in rows.order_by().values_list("prompt__name", "number", "pk"):
        if (name, number) in asked:
            keys[name, number] = key
    return keys


def list_versions(prompt_id: UUID | str) -> QuerySet[PromptVersion]:
    """Return the prompt's versions, the newest first."""
    return PromptVersion.objects.filter(prompt_id=prompt_id).order_by("-number")


def find_included(references: Iterable[Reference]) -> dict[str, PromptVersion]:
    """Return reference → the version that its label stands at, of prompts in use."""
    asked = {(reference.name, reference.label): str(reference) for reference in references}
    names = {name for name, _label in asked}
    labels = {label for _name, label in asked}
    # More than is asked for, where two references cross: still one query, and sorted out below.
    rows = (
        PromptVersion.objects.order_by()
        .filter(prompt__name__in=names, prompt__deleted_at__isnull=True)
        .filter(Q(labels__name__in=labels) | Q(number=F("prompt__current_version")))
        .annotate(label=F("labels__name"))
        .select_related("prompt")
    )
    versions: dict[str, PromptVersion] = {}
    for version in rows:
        prompt = version.prompt
        labels_here = [version.label]
        if version.number == prompt.current_version:
            labels_here.append(LATEST)  # no row has it: it is the newest version's
        for label in labels_here:
            reference = asked.get((prompt.name, label))
            if reference is not None:
                versions[reference] = version
    return versions


def find_released(name: str, *, label: str = "", number: int | None = None) -> PromptVersion:
    """Return the version of a prompt that a label stands at, or that of a number: one query.

    Args:
        name: the prompt's name, or its title where no other prompt in use has that.
        label: a label; `latest` is the newest version.
        number: a version's number, instead of a label.

    Raises:
        NotFoundError: there is no such prompt, label or version; says what there is.
    """
    # A title counts only where it leads to one prompt, whichever of them the label stands at: else
    # moving a label of one prompt would change what another is found by.
    by_name = Prompt.objects.order_by().filter(name=name)
    titles = Prompt.objects.order_by().filter(title=name).values("title")
    by_title = titles.annotate(count=Count("pk"), only=Min("pk")).filter(count=1)
    # One key, found by indexes before any version is read: with OR every version would be.
    key = Coalesce(Subquery(by_name.values("pk")[:1]), Subquery(by_title.values("only")))
    rows = PromptVersion.objects.select_related("prompt").filter(prompt_id=key)
    if number is not None:
        rows = rows.filter(number=number)
    elif label == LATEST:
        rows = rows.filter(number=F("prompt__current_version"))
    else:
        rows = rows.filter(labels__name=label)
    versions = list(rows.order_by())  # at most one: names of prompts in use are unique
    if not versions:
        raise _why_not_released(name, label, number)
    return versions[0]


def label_names() -> Subquery:
    """Return what annotates versions with the names of their labels, as a JSON list."""
    labels = (
        PromptLabel.objects.order_by()
        .filter(version=OuterRef("pk"))
        .values("version")
        .annotate(names=JSONGroupArray("name"))
    )
    return Subquery(labels.values("names"))


def find_named(name: str, *, label: str = "", number: int | None = None) -> PromptVersion:
    """Return the version of the prompt of that name, with `label_names`: one query.

    Args:
        name: the prompt's name, never its title.
        label: a label; `latest` is the newest version.
        number: a version's number; with a label too, both must hold.

    Raises:
        NotFoundError: there is no such prompt, label or version; says what there is.
    """
    rows = PromptVersion.objects.select_related("prompt").annotate(label_names=label_names())
    rows = rows.filter(prompt__name=name, prompt__deleted_at__isnull=True)
    if number is not None:
        rows = rows.filter(number=number)
    if label == LATEST:
        rows = rows.filter(number=F("prompt__current_version"))
    elif label or number is None:
        rows = rows.filter(labels__name=label)
    version: PromptVersion | None = rows.order_by().first()
    if version is None:
        raise explain_missing(name, label, number)
    return version


def having_tag(rows: QuerySet[Prompt], tag: str) -> QuerySet[Prompt]:
    """Return those of the rows that have exactly this tag."""
    # Compared as a value: in the JSON text a tag of another script is written in escapes.
    condition = RawSQL(
        "EXISTS (SELECT 1 FROM json_each(prompts.tags) WHERE json_each.value = %s)", [tag]
    )
    return rows.filter(ExpressionWrapper(condition, output_field=BooleanField()))


def explain_missing(name: str, label: str = "", number: int | None = None) -> NotFoundError:
    """Return the error of a name that leads to no version: it says what there is instead."""
    return _why_not_released(name, label, number, by_title=False)


def _why_not_released(
    name: str, label: str, number: int | None, *, by_title: bool = True
) -> NotFoundError:
    rows = Prompt.objects.prefetch_related("labels")
    prompts = list(rows.filter(name=name))
    if not prompts and by_title:
        prompts = list(rows.filter(title=name)[:10])
    if not prompts:
        # Each is compared letter by letter: of a large site the newest will do.
        names = Prompt.objects.order_by("-updated_at").values_list("name", flat=True)[:1000]
        near = nearest(name, names)
        if near:
            return NotFoundError("prompt.missing-near", name=name[:100], near=near)
        return NotFoundError("prompt.missing-name", name=name[:100])
    if len(prompts) > 1:
        choice = ", ".join(prompt.name for prompt in prompts)
        count = len(prompts)
        return NotFoundError("prompt.ambiguous", count=count, name=name[:100], choice=choice)
    [prompt] = prompts
    if number is not None:
        newest = prompt.current_version
        return NotFoundError(
            "prompt.version-missing-of", name=prompt.name, number=number, newest=newest
        )
    names_of_labels = [row.name for row in prompt.labels.all()]
    labels = ", ".join([LATEST, *names_of_labels])
    return NotFoundError("prompt.label-missing", name=prompt.name, label=label[:100], labels=labels)


def search_prompts(text: str) -> QuerySet[Prompt]:
    """Return the prompts in use that hold every word of `text`, the best first."""
    return matching(Prompt.objects.all(), text)


def count_prompts_by_status() -> dict[str, int]:
    """Return status → number of prompts, every status included."""
    rows = Prompt.objects.order_by().values_list("status").annotate(Count("pk"))
    return dict.fromkeys(Prompt.Status.values, 0) | dict(rows)


def count_templates() -> int:
    """Return how many templates are in use."""
    return PromptTemplate.objects.count()


def daily_versions(since: datetime) -> dict[date, int]:
    """Return day (in the current time zone) → number of versions made, since `since`."""
    rows = (
        PromptVersion.objects.filter(created_at__gte=since)
        .order_by()
        .values_list(TruncDate("created_at"))
        .annotate(Count("pk"))
    )
    return dict(rows)


def recent_prompts(limit: int) -> QuerySet[Prompt]:
    """Return the prompts in use that changed last, with their labels."""
    rows = Prompt.objects.order_by("-updated_at").prefetch_related("labels__version")
    return rows[:limit]


def list_names_in_folders(limit: int) -> list[str]:
    """Return the names of prompts in use that have folders, in their order."""
    rows = Prompt.objects.order_by("name").filter(name__contains=FOLDER)
    return list(rows.values_list("name", flat=True)[:limit])


def recent_versions(limit: int = 10) -> QuerySet[PromptVersion]:
    """Return the newest versions of prompts that are not deleted, with their prompts."""
    return PromptVersion.objects.filter(prompt__deleted_at__isnull=True).select_related("prompt")[
        :limit
    ]
