"""`manage.py env`: arguments in, sentences and an exit status out. No settings are loaded.

So it works where the current environment is broken or empty. `autoforge.command_line` calls `main`
before Django; the command in `autoforge/management/commands/env.py` shares the arguments, for
`manage.py help` and `call_command`.

Exit status: 0 done, nothing wrong or no difference · 1 refused, problems or differences ·
2 wrong usage, or a file could not be read or written.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from autoforge.environment.files import parse_variables
from autoforge.operations.env_files.checking import Problem, check_file
from autoforge.operations.env_files.comparing import (
    Difference,
    Side,
    compare,
    find_file,
    read_defaults,
    read_required,
    read_side,
)
from autoforge.operations.env_files.errors import EnvFileError, RefusedError
from autoforge.operations.env_files.generating import DEPLOYED, generate_template
from autoforge.operations.env_files.reading import check_is_file, read_file
from autoforge.operations.env_files.rendering import render
from autoforge.operations.env_files.templates import check_template, read_template
from autoforge.operations.env_files.values_file import fill_values_file, write_local_file
from autoforge.operations.env_files.writing import write_private, write_template
from core.exit_status import NO, NOT_ASKED, describe_error

__all__ = ["HELP", "add_arguments", "find_root", "main", "run"]

HELP = "Makes, checks, fills and compares files of variables. No secret is printed."
ENVIRONMENTS = ("local", *DEPLOYED)
TEMPLATES = tuple(f".env.{app_env}" for app_env in DEPLOYED)
PACKAGE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Streams:
    """Where a command reads and writes."""

    root: Path
    """The project's folder."""
    process: Mapping[str, str]
    """The variables of the process."""
    out: TextIO
    """For what was asked for."""
    err: TextIO
    """For why it was not done."""


def main(arguments: Sequence[str], program: str = "manage.py env") -> int:
    """Carry out `manage.py env …` and return its exit status."""
    parser = argparse.ArgumentParser(prog=program, description=HELP)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    return run(vars(options), sys.stdout, sys.stderr)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions with their options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, summary: str, environments: Sequence[str]) -> argparse.ArgumentParser:
        action = actions.add_parser(name, help=summary, description=summary)
        action.add_argument("environment", choices=environments, metavar="ENV")
        return action

    init = add("init", "Write .env.local with new secrets, or the template of ENV.", ENVIRONMENTS)
    init.add_argument("--output", type=Path, metavar="FILE", help="another file to write")
    init.add_argument("--replace", action="store_true", help="replace a file that exists")
    check = add("check", "Name everything that is wrong with the file of ENV.", ENVIRONMENTS)
    check.add_argument("--file", type=Path, metavar="FILE", help="default: .env.local or .env")
    check.add_argument("--template", action="store_true", help="check the committed template")
    fill = add("render", "Fill the template of ENV and write the file for its server.", DEPLOYED)
    fill.add_argument("--values", type=Path, metavar="FILE", help="values besides the process's")
    fill.add_argument("--output", type=Path, metavar="FILE", help="default: .env")
    fill.add_argument("--template", type=Path, metavar="FILE", help="default: .env.ENV")
    values = add("secrets", "Make the secrets of ENV, and a line for all others.", ENVIRONMENTS)
    values.add_argument("--output", type=Path, metavar="FILE", help="default: .env.ENV.secrets")
    values.add_argument("--rotate", default="", metavar="NAME", help="make this secret anew")
    diff = add("diff", "Name what the file of ENV and another one do not have alike.", ENVIRONMENTS)
    diff.add_argument(
        "other",
        nargs="?",
        default="",
        metavar="OTHER",
        help="template, table, another ENV or a file; default: template, in local table",
    )
    diff.add_argument("--file", type=Path, metavar="FILE", help="the file of ENV")
    for action in (check, values, diff):
        action.add_argument("--format", choices=("text", "json"), default="text")


def run(options: Mapping[str, object], out: TextIO, err: TextIO) -> int:
    """Carry out one action and return its exit status.

    Args:
        options: the parsed arguments.
        out: where the answer goes.
        err: where the reason goes, if there is none.
    """
    streams = Streams(root=find_root(), process=os.environ, out=out, err=err)
    arguments = argparse.Namespace(**options)
    try:
        return ACTIONS[arguments.action](arguments, streams)
    except EnvFileError as error:
        err.write(f"{error}\n")
        status = NO if isinstance(error, RefusedError) else NOT_ASKED
        if getattr(arguments, "format", "text") == "json":
            _write_json(out, {"error": describe_error(error.code, str(error), status)})
        return status


def find_root() -> Path:
    """Return the project's folder as the settings see it: the checkout, or where one stands."""
    is_installed = (PACKAGE / "resources").is_dir()
    return Path.cwd() if is_installed else PACKAGE.parent


def _init(options: argparse.Namespace, streams: Streams) -> int:
    app_env = options.environment
    path = options.output or streams.root / f".env.{app_env}"
    if app_env == "local":
        write_local_file(path, replace=options.replace)
        streams.out.write(f"Wrote {path} with new secrets, readable by you alone.\n")
        return 0
    write_template(path, generate_template(app_env), replace=options.replace)
    streams.out.write(
        f"Wrote {path}: placeholders alone, to be committed. "
        f"`manage.py env secrets {app_env}` makes its secrets.\n"
    )
    return 0


def _check(options: argparse.Namespace, streams: Streams) -> int:
    app_env = options.environment
    usual = ".env.local" if app_env == "local" else ".env"
    path = (options.file or streams.root / usual).absolute()
    if options.template:
        if app_env == "local":
            raise EnvFileError("local has no template; check staging or production.")
        path = (options.file or streams.root / f".env.{app_env}").absolute()
    shown = str(options.file or path.name)
    action = "init" if app_env == "local" or options.template else "render"
    remedy = f"`manage.py env {action} {app_env}` writes one, and --file names another"
    check_is_file(path, remedy)
    if options.template or path.name in TEMPLATES:
        problems = check_template(path, app_env, shown)
    else:
        problems = check_file(path, app_env, streams.root, shown)
    _report(problems, options, shown, streams)
    return 1 if any(problem.is_error for problem in problems) else 0


def _report(
    problems: Sequence[Problem], options: argparse.Namespace, shown: str, streams: Streams
) -> None:
    if options.format == "json":
        rows = [asdict(problem) for problem in problems]
        report = {"environment": options.environment, "file": shown, "problems": rows}
        _write_json(streams.out, report)
        return
    for problem in problems:
        streams.out.write(f"{problem}\n")
    errors = sum(problem.is_error for problem in problems)
    if errors:
        count = "1 problem" if errors == 1 else f"{errors} problems"
        streams.out.write(f"{shown} is not fit for {options.environment}: {count}.\n")
    else:
        streams.out.write(f"{shown} is fit for {options.environment}.\n")


def _render(options: argparse.Namespace, streams: Streams) -> int:
    app_env = options.environment
    template = options.template or streams.root / f".env.{app_env}"
    output = options.output or streams.root / ".env"
    _refuse_committed(output)
    values = {}
    if options.values:
        check_is_file(options.values)
        values = parse_variables(read_file(options.values))
    if options.template:
        check_is_file(template)
    try:
        text = render(read_template(template, app_env), app_env, streams.process, values)
    except RefusedError as error:
        raise RefusedError(f"{template.name} cannot be filled: {error}.") from None
    write_private(output, text)
    count = len(parse_variables(text))
    streams.out.write(f"Wrote {output} for {app_env}: {count} variables, readable by you alone.\n")
    return 0


def _refuse_committed(path: Path) -> None:
    """Refuse to write secrets where a committed file is.

    Raises:
        RefusedError: the name is that of a template or of the example.
    """
    if path.name in {*TEMPLATES, ".env.example"}:
        raise RefusedError(
            f"{path.name} is committed and contains no secrets; choose another file with --output."
        )


def _make_secrets(options: argparse.Namespace, streams: Streams) -> int:
    app_env = options.environment
    usual = ".env.local" if app_env == "local" else f".env.{app_env}.secrets"
    path = options.output or streams.root / usual
    _refuse_committed(path)
    filled = fill_values_file(path, app_env, options.rotate)
    if options.format == "json":
        _write_json(streams.out, {"file": str(path), **asdict(filled)})
        return 0
    for names, done in (
        (filled.generated, "generated"),
        (filled.rotated, "made anew"),
        (filled.to_fill, "to be filled in"),
    ):
        if names:
            streams.out.write(f"{done}: {', '.join(names)}\n")
    streams.out.write(f"{path} is readable by you alone; {len(filled.kept)} values were kept.\n")
    return 0


def _diff(options: argparse.Namespace, streams: Streams) -> int:
    app_env = options.environment
    path = options.file or find_file(app_env, streams.root)
    left = read_side(path, app_env, path.name)
    right = _read_other(options, streams)
    differences = compare(left, right)
    if options.format == "json":
        rows = [asdict(difference) for difference in differences]
        _write_json(streams.out, {"left": left.called, "right": right.called, "differences": rows})
    else:
        for difference in differences:
            streams.out.write(_describe(difference, left.called, right.called))
        if not differences:
            streams.out.write(f"{left.called} and {right.called} do not differ.\n")
    return 1 if differences else 0


def _read_other(options: argparse.Namespace, streams: Streams) -> Side:
    app_env = options.environment
    other = options.other or ("table" if app_env == "local" else "template")
    if other == "table":
        return read_defaults(app_env)
    if other == "template":
        if app_env == "local":
            raise EnvFileError("local has no template; compare it with table.")
        return read_required(streams.root / f".env.{app_env}", app_env)
    if other in ENVIRONMENTS:
        path = find_file(other, streams.root)
        return read_side(path, other, path.name)
    return read_side(Path(other), app_env, other)


def _describe(difference: Difference, left: str, right: str) -> str:
    name = difference.name
    if difference.kind == "differs":
        if difference.left is None:
            return f"{name} differs\n"
        return f"{name} is '{difference.left}' in {left} and '{difference.right}' in {right}\n"
    where = left if difference.kind == "only-left" else right
    value = difference.left if difference.kind == "only-left" else difference.right
    return f"{name} is only in {where}" + (f": '{value}'\n" if value else "\n")


def _write_json(out: TextIO, value: object) -> None:
    out.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


ACTIONS: dict[str, Callable[[argparse.Namespace, Streams], int]] = {
    "check": _check,
    "diff": _diff,
    "init": _init,
    "render": _render,
    "secrets": _make_secrets,
}
