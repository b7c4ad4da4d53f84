"""Rules of labels: which are protected, and which move only when the checks pass."""

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from core.services import check_row, find_row, refuse_unknown
from prompts.models import LabelRule

__all__ = ["create_label_rule", "delete_label_rules", "edit_label_rule"]

DEMANDS: Final = frozenset({"is_protected", "needs_checks"})


@transaction.atomic
def create_label_rule(*, label: str, **demands: object) -> LabelRule:
    """Create the rule of a label.

    Args:
        label: the label, which no other rule is about.
        **demands: `is_protected`, `needs_checks`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
    """
    refuse_unknown(demands, DEMANDS)
    rule = LabelRule(label=label, **demands)
    check_row(rule)
    rule.save(force_insert=True)
    return rule


@transaction.atomic
def edit_label_rule(*, rule_id: int, **demands: object) -> LabelRule:
    """Change what a rule demands; another label is another rule.

    Args:
        rule_id: the rule.
        **demands: `is_protected`, `needs_checks`.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        NotFoundError: there is no such rule.
    """
    refuse_unknown(demands, DEMANDS)
    rule = find_row(LabelRule, rule_id)
    for name, value in demands.items():
        setattr(rule, name, value)
    check_row(rule)
    rule.save(update_fields=set(demands))
    return rule


@transaction.atomic
def delete_label_rules(rule_ids: Iterable[int]) -> int:
    """Remove rules for good: their labels move freely then. Return how many there were."""
    count, _models = LabelRule.objects.filter(pk__in=list(rule_ids)).delete()
    return count
