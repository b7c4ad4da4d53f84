"""Creating and labelling as Langfuse's clients ask for it, as the caller and with its rights."""

from http import HTTPStatus
from typing import Annotated, Any, Literal

from django.db import transaction
from msgspec import Meta, Struct

from core.access.callers import Caller
from core.api.problems import register_problem
from core.errors import InvalidInputError
from core.sentences import Sentence
from core.tables.values import UnsupportedValueError
from prompts import services
from prompts.api.writing import actor_of
from prompts.importing.langfuse import read_langfuse
from prompts.models import Prompt
from prompts.naming import LATEST, NAME_MAX_LENGTH

__all__ = ["NewLabels", "NewVersion", "put_labels", "save_version"]

Label = Annotated[str, Meta(min_length=1, max_length=40)]


register_problem(UnsupportedValueError, HTTPStatus.UNPROCESSABLE_ENTITY)


class NewVersion(Struct, kw_only=True, rename="camel"):
    """What is sent to create a prompt or its next version; other fields are the clients' own."""

    name: Annotated[str, Meta(min_length=1, max_length=NAME_MAX_LENGTH)]
    prompt: str | list[dict[str, Any]]
    type: Literal["text", "chat"] = "text"
    config: dict[str, Any] | None = None
    labels: list[Label] = []
    tags: list[str] | None = None
    commit_message: Annotated[str, Meta(max_length=500)] | None = None


class NewLabels(Struct, kw_only=True, rename="camel"):
    """Labels that shall stand at a version."""

    new_labels: list[Label]


@transaction.atomic
def save_version(body: NewVersion, caller: Caller) -> tuple[str, int]:
    """Create a prompt, or the next version of one; return its name and the version's number.

    Raises:
        InvalidInputError: with one sentence for each field that is wrong.
        UnsupportedValueError: a message of the chat is none.
        LabelProtectedError: the caller may not move a label.
        GateRefusedError: a check of a label fails.
    """
    record = {"name": body.name, "prompt": body.prompt, "type": body.type}
    fields = read_langfuse(record)
    wording = {name: fields[name] for name in ("kind", "syntax", "variables")}
    wording["content"] = fields["prompt"]
    if body.config is not None:
        wording["config"] = body.config
    if body.tags is not None:
        wording["tags"] = body.tags
    note = body.commit_message or ""
    prompt = Prompt.objects.filter(name=body.name).first()
    if prompt is None:
        prompt = services.create_prompt(
            title=body.name,
            name=body.name,
            author=caller.name,
            change_note=note,
            status=Prompt.Status.ACTIVE,
            **wording,  # type: ignore[arg-type]  # fields of a prompt by their names
        )
    else:
        prompt = services.edit_prompt(
            prompt_id=prompt.pk,
            author=caller.name,
            change_note=note,
            **wording,  # type: ignore[arg-type]  # as above
        )
    # Whoever puts `latest` on a version means what is so anyway.
    labels = [label for label in body.labels if label != LATEST]
    put_labels(prompt, prompt.current_version, labels, caller)
    return prompt.name, prompt.current_version


@transaction.atomic
def put_labels(prompt: Prompt, number: int, labels: list[str], caller: Caller) -> None:
    """Let labels stand at a version; those that stand there already stay.

    Raises:
        InvalidInputError: one of them is `latest`, or no label.
        LabelProtectedError: the caller may not move a label.
        GateRefusedError: a check of a label fails.
        NotFoundError: there is no such version.
    """
    if LATEST in labels:
        raise InvalidInputError({"labels": Sentence("api.latest-label")})
    for label in labels:
        services.move_label(prompt_id=prompt.pk, label=label, number=number, mover=actor_of(caller))
