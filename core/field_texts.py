"""A migration's operation for words: how pages name and explain a field, and what a rule says."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import BaseConstraint, Field

__all__ = ["AlterTexts"]

PartT = TypeVar("PartT", "Field[Any, Any]", BaseConstraint)
Texts = Mapping[str, object]
"""Argument of a field or a constraint → what it is from now on."""

_TEXTS: Final = frozenset(
    {"choices", "help_text", "verbose_name", "violation_error_code", "violation_error_message"}
)


class AlterTexts(Operation):
    """Give fields and constraints of one model other words. No SQL is run.

    Django's AlterField and AlterConstraint render the model and all that refer to it anew, each of
    them, and on the way back copy the state of the whole project: a hundred take half a minute. A
    database knows nothing of these words, so here nothing is rendered.

    Args:
        model_name: the model.
        fields: name → its new texts; the rest of the field stays.
        constraints: the same of constraints.

    Raises:
        ValueError: something else than texts is to be changed.
    """

    reduces_to_sql = False
    reversible = True

    def __init__(
        self,
        model_name: str,
        fields: Mapping[str, Texts],
        constraints: Mapping[str, Texts] = MappingProxyType({}),
    ) -> None:
        for name, texts in (*fields.items(), *constraints.items()):
            if not texts.keys() <= _TEXTS:
                message = f"{model_name}.{name} changes in more than its words"
                raise ValueError(message)
        self.model_name = model_name
        self.fields = fields
        self.constraints = constraints

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Put the texts into the state of the project."""
        model = state.models[app_label, self.model_name.lower()]
        for name, texts in self.fields.items():
            model.fields[name] = _reword(model.fields[name], texts)
        constraints = []
        for rule in model.options.get("constraints", ()):
            texts = self.constraints.get(rule.name, {})
            constraints.append(_reword(rule, texts))
        model.options["constraints"] = constraints

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Do nothing: no words are in the database."""

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Do nothing, as forwards."""

    def describe(self) -> str:
        """Say what it does, for `migrate --plan` and `showmigrations`."""
        count = len(self.fields) + len(self.constraints)
        return f"Alter the texts of {count} fields and rules of {self.model_name}"


def _reword(part: PartT, texts: Texts) -> PartT:
    *_names, arguments, options = part.deconstruct()  # as Django's own `clone` of either does
    return type(part)(*arguments, **{**options, **texts})
