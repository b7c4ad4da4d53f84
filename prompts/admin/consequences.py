"""What deleting prompts means for those who read them: said before it happens."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from prompts.models import LabelRule, Prompt, PromptLabel

__all__ = ["describe_labels", "describe_losses", "has_protected_label"]

NAMED: Final = 3  # prompts that a sentence names


def _list_labels(rows: QuerySet[Prompt]) -> tuple[list[PromptLabel], set[str]]:
    """Return the labels of the prompts, protected ones first, and the names of protected labels."""
    labels = list(
        # Without an order: SQLite would sort the rows of the subquery for nothing.
        PromptLabel.objects.filter(prompt__in=rows.order_by().values("pk"))
        .select_related("prompt", "version")
        .order_by("name", "prompt__title")
    )
    rules = LabelRule.objects.filter(is_protected=True)
    protected = set(rules.values_list("label", flat=True))
    return sorted(labels, key=lambda label: label.name not in protected), protected


def has_protected_label(rows: QuerySet[Prompt]) -> bool:
    """Whether a protected label stands at one of the prompts."""
    labels, protected = _list_labels(rows)
    return any(label.name in protected for label in labels)


def describe_labels(rows: QuerySet[Prompt]) -> list[str]:
    """Return which labels stand at the prompts, and what programs will see."""
    labels, protected = _list_labels(rows)
    by_name: dict[str, list[PromptLabel]] = {}
    for label in labels:
        by_name.setdefault(label.name, []).append(label)
    sentences = []
    for name, labels_of_name in by_name.items():
        sentences.append(_describe_label(labels_of_name, is_protected=name in protected))
    if labels:
        names = _join_names([label.prompt.name for label in labels])
        sentence = _(
            "Programs that request %(names)s will get the error “there is no such "
            "prompt”. If you restore it, its labels point to the same versions as now."
        )
        sentences.append(sentence % {"names": names})
    return sentences


def _describe_label(labels: Sequence[PromptLabel], *, is_protected: bool) -> str:
    if is_protected:
        text = _("The protected label “%(label)s” points to %(places)s.")
    else:
        text = _("The label “%(label)s” points to %(places)s.")
    version = _("version %(number)d of “%(title)s”")
    versions = []
    for label in labels[:NAMED]:
        versions.append(version % {"number": label.version.number, "title": label.prompt.title})
    return text % {"label": labels[0].name, "places": _join_some(versions, len(labels))}


def _join_names(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    quoted = [f"“{name}”" for name in unique[:NAMED]]
    return _join_some(quoted, len(unique))


def _join_some(texts: list[str], count: int) -> str:
    """Return the texts in one, and how many more of `count` there are."""
    if count > len(texts):
        texts = [*texts, _("%(count)d more") % {"count": count - len(texts)}]
    return ", ".join(texts)


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
    labels, protected = _list_labels(rows)
    names = {label.name: None for label in labels if label.name in protected}
    if names:
        text = _("A protected label still points to one of them (%(labels)s): enter a reason.")
        sentences.append(text % {"labels": ", ".join(names)})
    return sentences
