"""Tools for assistants: each is one call of the API, by the caller's rights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from autoforge.api.mcp.prompts import find_version
from core.access.callers import Caller
from core.api.docstrings import describe_members
from core.api.problems import describe_mismatch, problem_of
from core.diffing import compare
from evaluations.api import run_starting
from evaluations.api.results import ResultQuery, list_results
from evaluations.api.run_bodies import RunBody
from evaluations.api.run_reading import read_run
from prompts import services
from prompts.api.reading import find_prompt_id, list_prompts
from prompts.api.writing import actor_of
from prompts.selectors import get_version

__all__ = ["TOOLS", "Tool", "call_tool", "list_tools"]

Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class _Arguments(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a tool is called with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool:
    """Something that an assistant can do."""

    title: str
    """For people."""
    description: str
    """For the model."""
    arguments: type[Struct]
    """What it takes."""
    permission: str
    """Which permission the caller needs."""
    work: Callable[[Any, Caller], Any]
    """Does it, and returns what JSON can hold."""
    is_reading: bool = True
    """Whether it changes nothing."""


class SearchPrompts(_Arguments):
    """Which prompts."""

    search: str = ""
    """Words that the prompt contains; empty: all."""
    folder: str = ""
    """Only prompts inside this folder."""
    limit: Annotated[int, Meta(ge=1, le=50)] = 20
    """How many at most."""
    cursor: str = ""
    """`next_cursor` of the page before."""


class ReadPrompt(_Arguments):
    """Which version."""

    name: str
    """NAME, NAME@LABEL or NAME:NUMBER."""


class RenderPrompt(_Arguments):
    """Which version, and its values."""

    name: str
    """NAME, NAME@LABEL or NAME:NUMBER."""
    variables: dict[str, Any] = {}
    """Values by the names of the prompt's variables."""


class DiffVersions(_Arguments):
    """Which two versions."""

    name: str
    """The prompt's name."""
    before: Number
    """Number of the older one."""
    after: Number
    """Number of the newer one."""


class MoveLabel(_Arguments):
    """Where a label shall stand."""

    name: str
    """The prompt's name."""
    label: str
    """Such as `production`."""
    version: Number
    """Number of the version that it shall stand at."""
    reason: str = ""
    """Why; it is kept in the history."""


class ReadRun(_Arguments):
    """Which run."""

    run_id: UUID
    """ID of the run."""


class ListAnswers(ResultQuery, kw_only=True, forbid_unknown_fields=True):
    """Which answers of which run."""

    run_id: UUID
    """ID of the run."""


def _search(arguments: SearchPrompts, _caller: Caller) -> Any:
    return list_prompts(
        search=arguments.search,
        folder=arguments.folder,
        cursor=arguments.cursor,
        limit=arguments.limit,
    )


def _read(arguments: ReadPrompt, _caller: Caller) -> Any:
    prompt = find_version(arguments.name)
    return {
        "name": prompt.name,
        "title": prompt.title,
        "version": prompt.number,
        "kind": prompt.kind,
        "syntax": prompt.syntax,
        "content": prompt.content,
        "variables": [variable.as_json() for variable in prompt.variables],
        "config": dict(prompt.config),
    }


def _render(arguments: RenderPrompt, _caller: Caller) -> Any:
    prompt = find_version(arguments.name)
    result = prompt.render(arguments.variables)
    rendered = {"name": prompt.name, "version": prompt.number}
    if isinstance(result, str):
        return rendered | {"text": result}
    return rendered | {"messages": [message.as_json() for message in result]}


def _diff(arguments: DiffVersions, _caller: Caller) -> Any:
    prompt_id = find_prompt_id(arguments.name)
    before = get_version(prompt_id, arguments.before)
    after = get_version(prompt_id, arguments.after)
    lines = []
    for row in compare(before.content, after.content):
        if row.kind in ("gap", "cut"):
            lines.append("…")
            continue
        for sign, side in (("-", row.left), ("+", row.right)):
            if side is not None and not (row.kind == "same" and sign == "+"):
                text = "".join(piece for _changed, piece in side.pieces)
                lines.append(f"{' ' if row.kind == 'same' else sign} {text}")
    return {"name": arguments.name, "diff": "\n".join(lines)}


def _move(arguments: MoveLabel, caller: Caller) -> Any:
    services.move_label(
        prompt_id=find_prompt_id(arguments.name),
        label=arguments.label,
        number=arguments.version,
        mover=actor_of(caller),
        reason=arguments.reason,
    )
    return {"name": arguments.name, "label": arguments.label, "version": arguments.version}


def _estimate(arguments: RunBody, caller: Caller) -> Any:
    return run_starting.preview(arguments, caller.name)


def _start(arguments: RunBody, caller: Caller) -> Any:
    return read_run(run_starting.start(arguments, caller.name).pk)


def _read_run(arguments: ReadRun, _caller: Caller) -> Any:
    return read_run(arguments.run_id)


def _list_answers(arguments: ListAnswers, _caller: Caller) -> Any:
    return list_results(arguments.run_id, arguments)


TOOLS: Final[dict[str, Tool]] = {
    "search_prompts": Tool(
        title="Search prompts",
        description="List prompts, or search their titles, names, texts and tags.",
        arguments=SearchPrompts,
        permission="prompts.view_prompt",
        work=_search,
    ),
    "read_prompt": Tool(
        title="Read a prompt",
        description="Read one version of a prompt with its contract and configuration.",
        arguments=ReadPrompt,
        permission="prompts.view_prompt",
        work=_read,
    ),
    "render_prompt": Tool(
        title="Render a prompt",
        description="Insert values into a version of a prompt; nothing is changed.",
        arguments=RenderPrompt,
        permission="prompts.view_prompt",
        work=_render,
    ),
    "diff_versions": Tool(
        title="Compare two versions",
        description="Show what changed in the text between two versions of a prompt.",
        arguments=DiffVersions,
        permission="prompts.view_prompt",
        work=_diff,
    ),
    "move_label": Tool(
        title="Move a label",
        description="Let a label, such as production, stand at a version. Release checks apply.",
        arguments=MoveLabel,
        permission="prompts.move_label",
        work=_move,
        is_reading=False,
    ),
    "estimate_run": Tool(
        title="Estimate a run",
        description="Say what calls, tokens and cost a run would take; nothing is saved.",
        arguments=RunBody,
        permission="evaluations.add_run",
        work=_estimate,
    ),
    "start_run": Tool(
        title="Start a run",
        description="Ask models the cases of a suite; it costs what estimate_run says.",
        arguments=RunBody,
        permission="evaluations.add_run",
        work=_start,
        is_reading=False,
    ),
    "read_run": Tool(
        title="Read a run",
        description="Say how far a run is and what it found.",
        arguments=ReadRun,
        permission="evaluations.view_run",
        work=_read_run,
    ),
    "list_answers": Tool(
        title="List answers of a run",
        description="List the answers of a run with their scores, such as those that failed.",
        arguments=ListAnswers,
        permission="evaluations.view_testresult",
        work=_list_answers,
    ),
}


def list_tools(caller: Caller) -> list[dict[str, Any]]:
    """Return the tools that the caller may use, with the JSON Schema of their arguments."""
    listed = []
    for name, tool in TOOLS.items():
        if not caller.may(tool.permission):
            continue
        (reference,), components = msgspec.json.schema_components([tool.arguments])
        schema = components[reference["$ref"].rpartition("/")[2]]
        describe_members(schema, tool.arguments)
        listed.append(
            {
                "name": name,
                "title": tool.title,
                "description": tool.description,
                "inputSchema": schema,
                "annotations": {"readOnlyHint": tool.is_reading, "openWorldHint": False},
            }
        )
    return listed


def call_tool(name: str, arguments: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    """Return what a tool gives; what it refuses is a result too, so that the model can mend it."""
    tool = TOOLS[name]
    if not caller.may(tool.permission):
        return _refusal(f"the role {caller.role} does not have the permission {tool.permission}")
    try:
        given = msgspec.convert(arguments, tool.arguments)
    except msgspec.ValidationError as error:
        problem = describe_mismatch(str(error))
        return _refusal(f"{problem.field}: {problem.detail}".removeprefix(": "))
    try:
        result = tool.work(given, caller)
    except Exception as error:
        known = problem_of(error)
        if known is None:
            raise
        return _refusal(known.detail)
    content = msgspec.to_builtins(result)
    text = msgspec.json.encode(content).decode()
    return {
        "content": [{"type": "text", "text": text}],
        "structuredContent": content,
        "isError": False,
    }


def _refusal(sentence: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": sentence}], "isError": True}
