"""Demo content of this app: prompts with their history, and templates, in English and Japanese.

The texts are in the YAML files beside this one. Written by the services like anybody's input;
`autoforge.demo` decides when.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import yaml
from django.db import transaction

from prompts.models import Prompt, PromptTemplate
from prompts.services import (
    create_prompt,
    create_template,
    edit_prompt,
    examine,
    move_label,
)

__all__ = ["find_loaded", "load_prompts", "load_templates"]

FOLDER: Final = Path(__file__).resolve().parent
Entry = Mapping[str, Any]


def find_loaded() -> str | None:
    """Return the title of a demo prompt or template that is here already, deleted ones too."""
    # In the trash too: whoever deleted the demo does not want it again.
    titles = [entry["title"] for entry in _read("prompts.yaml")]
    names = [entry["name"] for entry in _read("templates.yaml")]
    prompts = Prompt.all_objects.filter(title__in=titles).order_by("title")
    templates = PromptTemplate.all_objects.filter(name__in=names).order_by("name")
    title = prompts.values_list("title", flat=True).first()
    if title is not None:
        return title
    return templates.values_list("name", flat=True).first()


@transaction.atomic
def load_prompts() -> dict[str, UUID]:
    """Write every demo prompt with its versions; return its key in the file → its id."""
    keys = {}
    for entry in _read("prompts.yaml"):
        keys[entry["key"]] = _load_prompt(entry)
    return keys


@transaction.atomic
def load_templates() -> int:
    """Write every demo template; return how many there are."""
    entries = _read("templates.yaml")
    for entry in entries:
        create_template(**entry)
    return len(entries)


def _load_prompt(entry: Entry) -> UUID:
    first, *later = [_with_contract(version, entry) for version in entry["versions"]]
    fields = {name: entry[name] for name in ("title", "status", "user_id", "tags", "metadata")}
    for name in ("name", "description"):
        if name in entry:
            fields[name] = entry[name]
    prompt_id: UUID = create_prompt(**fields, **first).pk
    for version in later:
        edit_prompt(prompt_id=prompt_id, **version)
    for label, number in sorted(entry.get("labels", {}).items()):
        move_label(prompt_id=prompt_id, label=label, number=number, reason=entry["released"])
    return prompt_id


def _with_contract(version: Entry, entry: Entry) -> Entry:
    """Return a version with those of the entry's variables that it uses."""
    variables = entry.get("variables", [])
    syntax = version.get("syntax") or entry.get("syntax")
    if not syntax:
        syntax = "mustache" if variables else "plain"
    kind = version.get("kind") or entry.get("kind", "text")
    report = examine(kind=kind, syntax=syntax, content=version["content"], variables=variables)
    used = [variable.as_json() for variable in report.proposed]
    return {**version, "kind": kind, "syntax": syntax, "variables": used}


def _read(name: str) -> list[dict[str, Any]]:
    entries: list[dict[str, object]] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return entries
