"""A migration's operation for words: how pages name and explain a field, and what a rule says."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import BaseConstraint, Field

__all__ = ["AlterTexts"]

Parts = tuple[str, Sequence[Any], Mapping[str, Any]]
"""How Django takes a field or a constraint apart: its class, and its arguments."""

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
        fields: name → the field as it is from now on, in whole.
        constraints: the same of constraints.

    Raises:
        ValueError: when it is applied, where something differs in more than its words.
    """

    reduces_to_sql = False
    reversible = True

    def __init__(
        self,
        model_name: str,
        fields: Mapping[str, "Field[Any, Any]"],
        constraints: Mapping[str, BaseConstraint] = MappingProxyType({}),
    ) -> None:
        self.model_name = model_name
        self.fields = fields
        self.constraints = constraints

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Put the fields and the constraints into the state of the project."""
        model = state.models[app_label, self.model_name.lower()]
        for name, field in self.fields.items():
            self._refuse_more(name, model.fields[name].deconstruct()[1:], field.deconstruct()[1:])
            model.fields[name] = field
        constraints = {rule.name: rule for rule in model.options.get("constraints", ())}
        for name, rule in self.constraints.items():
            self._refuse_more(name, constraints[name].deconstruct(), rule.deconstruct())
            constraints[name] = rule
        model.options["constraints"] = list(constraints.values())

    def _refuse_more(self, name: str, before: Parts, after: Parts) -> None:
        if _without_texts(before) != _without_texts(after):
            message = f"{self.model_name}.{name} changes in more than its words"
            raise ValueError(message)

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


def _without_texts(parts: Parts) -> Parts:
    path, arguments, options = parts
    return path, arguments, {name: value for name, value in options.items() if name not in _TEXTS}
