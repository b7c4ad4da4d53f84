"""Prompts with all their versions, out of the database and into it."""

from collections import Counter
from collections.abc import Generator, Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.dateparse import parse_datetime

from core.errors import InvalidInputError
from core.json import is_same
from core.sentences import Sentence
from core.services import check_fields
from prompts.exporting import Archived, ArchivedVersion
from prompts.mapping import as_template
from prompts.models import Prompt, PromptEvent, PromptLabel, PromptVersion
from prompts.releases_cache import forget_releases
from prompts.rendering import check
from prompts.services.contracts import refuse_problems
from prompts.services.events import announce
from prompts.services.labels import SYSTEM, move_label
from prompts.services.prompts import edit_prompt, new_version
from prompts.services.webhooks import tell_of_versions

__all__ = ["archive_rows", "list_records", "restore_archive"]

AT_ONCE = 200  # prompts in memory, each with all its versions
FIELDS = ("name", "title", "description", "status", "tags", "user_id", "metadata")


def list_records(prompts: QuerySet[Prompt]) -> Generator[dict[str, Any], None, None]:
    """Yield a record for each prompt: its fields and its newest version."""
    wording = ("content", "kind", "syntax", "variables", "config")
    for prompt in prompts.iterator(chunk_size=AT_ONCE):
        yield {name: getattr(prompt, name) for name in (*FIELDS, *wording)}


def archive_rows(prompts: QuerySet[Prompt]) -> Generator[Archived, None, None]:
    """Yield each prompt with all its versions and labels."""
    versions = Prefetch("versions", PromptVersion.objects.order_by("number"))
    labels = Prefetch("labels", PromptLabel.objects.select_related("version"))
    rows = prompts.prefetch_related(versions, labels)
    for prompt in rows.iterator(chunk_size=AT_ONCE):
        fields = {name: getattr(prompt, name) for name in FIELDS}
        yield Archived(
            id=str(prompt.pk),
            labels={label.name: label.version.number for label in prompt.labels.all()},
            versions=tuple(map(_archive_version, prompt.versions.all())),
            **fields,
        )


def _archive_version(version: PromptVersion) -> ArchivedVersion:
    return ArchivedVersion(
        number=version.number,
        content=version.content,
        author=version.author,
        change_note=version.change_note,
        created_at=version.created_at.isoformat(),
        kind=version.kind,
        syntax=version.syntax,
        variables=version.variables,
        config=version.config,
        includes=version.includes,
    )


@transaction.atomic
def restore_archive(rows: Iterable[Archived], *, author: str = "import") -> Counter[str]:
    """Write prompts with all their versions and labels: all of them or none.

    A prompt is known again by its key, else by its name. Versions that it has must be the same;
    those that it lacks are added, and its fields and labels become those of the archive.

    Returns:
        "imported", "updated" and "unchanged" → how many prompts.

    Raises:
        InvalidInputError: with the prompt's name → what is wrong.
    """
    counts: Counter[str] = Counter(imported=0, updated=0, unchanged=0)
    for row in rows:
        try:
            counts[_restore(row, author)] += 1
        except InvalidInputError as error:
            raise InvalidInputError({row.name: error.sentence}) from error
    forget_releases()
    return counts


def _restore(row: Archived, author: str) -> str:
    """Write one prompt; return the name of its count."""
    prompt = _find(row)
    if prompt is None:
        prompt = _create(row)
        _move_labels(prompt, row, author)
        return "imported"
    is_changed = _update(prompt, row, author)
    moved = _move_labels(prompt, row, author)
    if is_changed or moved:
        return "updated"
    return "unchanged"


def _find(row: Archived) -> Prompt | None:
    key = _parse_key(row)
    if key is not None:
        prompt = Prompt.all_objects.filter(pk=key).first()
        if prompt is not None and prompt.is_deleted:
            raise InvalidInputError({"id": Sentence("import.in-trash")})
        if prompt is not None:
            return prompt
    return Prompt.objects.filter(name=row.name).first()


def _parse_key(row: Archived) -> UUID | None:
    if not row.id:
        return None
    try:
        return UUID(row.id)
    except ValueError:
        raise InvalidInputError({"id": Sentence("import.id-form")}) from None


def _create(row: Archived) -> Prompt:
    fields = {name: getattr(row, name) for name in FIELDS}
    newest = row.versions[-1]
    prompt = Prompt(**fields, **_wording(newest), current_version=newest.number)
    key = _parse_key(row)
    if key is not None:
        prompt.pk = key
    check_fields(prompt)
    versions = [_build(prompt, version) for version in row.versions]
    prompt.variables, prompt.includes = versions[-1].variables, versions[-1].includes
    prompt.save(force_insert=True)
    PromptVersion.objects.bulk_create(versions)
    tell_of_versions(versions, actor="import")
    if prompt.status != Prompt.Status.DRAFT:
        announce([prompt], kind=PromptEvent.Kind.STATUS, actor="import", after=prompt.status)
    return prompt


def _update(prompt: Prompt, row: Archived, author: str) -> bool:
    """Add the versions that the prompt lacks, take over the fields; return whether any did."""
    hashes = dict(prompt.versions.values_list("number", "content_hash"))
    new = []
    for archived in row.versions:
        version = _build(prompt, archived)
        if version.number not in hashes:
            new.append(version)
        elif version.content_hash != hashes[version.number]:
            # Versions never change, so that what ran with one can be read again.
            raise InvalidInputError(
                {"versions": Sentence("import.version-differs", number=version.number)}
            )
    if new:
        PromptVersion.objects.bulk_create(new)
        tell_of_versions(new, actor=author)
        newest = new[-1]
        wording = {**_wording(row.versions[-1]), "variables": newest.variables}
        # Not `edit_prompt`: it would make one version more of the newest one's wording.
        Prompt.objects.filter(pk=prompt.pk).update(current_version=newest.number, **wording)
        prompt.refresh_from_db()
    changes = {}
    for name in FIELDS:
        value = getattr(row, name)
        if not is_same(value, getattr(prompt, name)):
            changes[name] = value
    if changes:
        edit_prompt(prompt_id=prompt.pk, author=author, **changes)
    return bool(new or changes)


def _wording(version: ArchivedVersion) -> dict[str, Any]:
    return {
        "kind": version.kind,
        "syntax": version.syntax,
        "content": version.content,
        "variables": version.variables,
        "config": version.config,
        "includes": version.includes,
    }


def _build(prompt: Prompt, archived: ArchivedVersion) -> PromptVersion:
    """Return a version as it is archived, checked with the includes that it was saved with."""
    stand_in = Prompt(pk=prompt.pk, current_version=archived.number, **_wording(archived))
    # Checked with the includes of then: the prompts that it includes have other versions by now.
    try:
        template = as_template(stand_in)
        refuse_problems(check(template))
        stand_in.variables = [variable.as_json() for variable in template.variables]
        version = new_version(stand_in, author=archived.author, change_note=archived.change_note)
    except (InvalidInputError, ValueError, LookupError, TypeError) as error:
        raise InvalidInputError({f"version {archived.number}": str(error)}) from error
    version.prompt = prompt
    created_at = parse_datetime(archived.created_at or "")
    if created_at is not None:
        version.created_at = created_at
    return version


def _move_labels(prompt: Prompt, row: Archived, author: str) -> int:
    # The archive decides, not the release gates: it holds what had passed them.
    mover = type(SYSTEM)(name=author, may_move=True, may_move_protected=True, may_override=True)
    current: Mapping[str, int] = dict(prompt.labels.values_list("name", "version__number"))
    moved = 0
    for label, number in sorted(row.labels.items()):
        if not isinstance(number, int) or isinstance(number, bool):
            raise InvalidInputError({"labels": Sentence("import.label-target", label=label)})
        if current.get(label) == number:
            continue
        move_label(
            prompt_id=prompt.pk,
            label=label,
            number=number,
            mover=mover,
            reason="Imported",
            override=True,
        )
        moved += 1
    return moved
