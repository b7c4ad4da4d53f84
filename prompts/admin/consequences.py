"""What deleting prompts means for those who read them: said before it happens."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from prompts.models import LabelRule, Prompt, PromptLabel

__all__ = ["describe_labels", "describe_losses", "has_protected_label"]

NAMED: Final = 3  # prompts that a sentence names


def _standing(rows: QuerySet[Prompt]) -> tuple[list[PromptLabel], set[str]]:
    """Return the labels that stand at the prompts, protected ones first, and which those are."""
    labels = list(
        PromptLabel.objects.filter(prompt__in=rows.order_by().values("pk"))
        .select_related("prompt", "version")
        .order_by("name", "prompt__title")
    )
    rules = LabelRule.objects.filter(is_protected=True)
    protected = set(rules.values_list("label", flat=True))
    return sorted(labels, key=lambda label: label.name not in protected), protected


def has_protected_label(rows: QuerySet[Prompt]) -> bool:
    """Whether a protected label stands at one of the prompts."""
    labels, protected = _standing(rows)
    return any(label.name in protected for label in labels)


def describe_labels(rows: QuerySet[Prompt]) -> list[str]:
    """Return which labels stand at the prompts, and what programs will see."""
    labels, protected = _standing(rows)
    by_name: dict[str, list[PromptLabel]] = {}
    for label in labels:
        by_name.setdefault(label.name, []).append(label)
    sentences = [_where(name, stands, protected) for name, stands in by_name.items()]
    if labels:
        names = _listed([label.prompt.name for label in labels])
        sentence = _(
            "Programs that request %(names)s will get the error “there is no such "
            "prompt”. If you restore it, its labels point to the same versions as now."
        )
        sentences.append(sentence % {"names": names})
    return sentences


def _where(name: str, stands: Sequence[PromptLabel], protected: set[str]) -> str:
    if name in protected:
        text = _("The protected label “%(label)s” points to %(places)s.")
    else:
        text = _("The label “%(label)s” points to %(places)s.")
    version = _("version %(number)d of “%(title)s”")
    places = [
        version % {"number": label.version.number, "title": label.prompt.title}
        for label in stands[:NAMED]
    ]
    return text % {"label": name, "places": _with_rest(places, len(stands))}


def _listed(names: Sequence[str]) -> str:
    different = list(dict.fromkeys(names))
    return _with_rest([f"“{name}”" for name in different[:NAMED]], len(different))


def _with_rest(shown: list[str], count: int) -> str:
    if count > len(shown):
        shown = [*shown, _("%(count)d more") % {"count": count - len(shown)}]
    return ", ".join(shown)


def describe_losses(rows: QuerySet[Prompt]) -> list[str]:
    """Return what goes for good with the prompts."""
    keys = rows.order_by().values("pk")
    hanging = []
    for relation in Prompt._meta.related_objects:
        model: Any = relation.related_model
        everything = model._base_manager
        count = everything.filter(**{f"{relation.field.name}__in": keys}).count()
        if count:
            hanging.append(f"{count} {model._meta.verbose_name_plural}")
    count = rows.count()
    sentence = ngettext(
        "This permanently deletes %(count)d prompt with all its versions and "
        "history. It cannot be undone.",
        "This permanently deletes %(count)d prompts with all their versions and "
        "history. It cannot be undone.",
        count,
    )
    sentences = [sentence % {"count": count}]
    if hanging:
        sentences.append(_("This also deletes: %(rows)s.") % {"rows": ", ".join(hanging)})
    labels, protected = _standing(rows)
    named = list(dict.fromkeys(label.name for label in labels if label.name in protected))
    if named:
        text = _("A protected label still points to one of them (%(labels)s): enter a reason.")
        sentences.append(text % {"labels": ", ".join(named)})
    return sentences
