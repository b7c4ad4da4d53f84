"""The demo content of all apps, loaded together or not at all.

The content belongs to the apps (`prompts.demo`, `evaluations.demo`). `make run` loads it into a
database that it has just made, `manage.py load_demo` when somebody asks.
"""

from dataclasses import dataclass

from django.db import transaction

from core.errors import ApplicationError
from evaluations import demo as evaluations
from prompts import demo as prompts

__all__ = ["DemoContent", "DemoLoadedError", "load_demo"]


class DemoLoadedError(ApplicationError):
    """Demo content is in the database already: remove it for good first, or keep it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoContent:
    """What was loaded."""

    prompts: int
    """Number of prompts."""
    templates: int
    """Number of templates."""
    evaluations: int
    """Number of evaluated versions, in two runs of a test suite each."""

    def __str__(self) -> str:
        return (
            f"{self.prompts} prompts, {self.templates} templates, "
            f"2 test suites with {self.evaluations} evaluations"
        )


@transaction.atomic
def load_demo() -> DemoContent:
    """Write the demo content; rows that are not of it stay as they are.

    Raises:
        DemoLoadedError: some of it is here already, even if deleted; nothing was written.
    """
    loaded = prompts.find_loaded() or evaluations.find_loaded()
    if loaded is not None:
        raise DemoLoadedError(
            f"The demo content has already been loaded into this database (“{loaded}” exists, "
            "possibly in the trash). Nothing was changed."
        )
    templates = prompts.load_templates()
    prompt_ids = prompts.load_prompts()
    return DemoContent(
        prompts=len(prompt_ids),
        templates=templates,
        evaluations=evaluations.load_runs(prompt_ids),
    )
