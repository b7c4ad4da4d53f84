"""What is written from the table of variables: the example, the templates, the guide, workflows.

`make env-files` brings the committed files up to date; a test fails while one of them is not. The
same texts are what `manage.py env init` writes and `render` fills where a checkout is not at hand.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from autoforge.environment import VARIABLES, Variable

__all__ = [
    "DEPLOYED",
    "OPTIONAL",
    "PREFIXES",
    "find_placeholder_name",
    "generate_example",
    "generate_template",
    "list_outdated",
    "update_guide",
    "update_workflow",
]

DEPLOYED = ("staging", "production")
PREFIXES = {"staging": "STAGING", "production": "PROD"}
OPTIONAL = "# optional"  # a line of its own, above an entry that may stay empty
HEADING_WIDTH = 99
EXAMPLE_HEADER = """\
# AutoForge: all variables, with their defaults in local or an example. `manage.py env init local`
# (or the first `make run`) writes a .env.local with new secrets; take from here what you want to
# change. An empty value counts as not set, the environment takes precedence over the file, and
# <NAME>_FILE reads a secret from a file. This file is generated: `make env-files`.
"""
TEMPLATE_HEADER = """\
# Template for {app_env}, with placeholders only; it is never read at run time.
# `manage.py env render {app_env}` fills it from the secrets and variables of the deployment. An
# empty placeholder is refused by name, unless it is marked “optional”: then its default applies
# (docs/environment.md). This file is generated: `make env-files`.
"""
TABLE_HEADER = "| variable | default | allowed | what it is for |\n|---|---|---|---|\n"
# A line of a workflow that gives a placeholder its value: `  PROD_PORT: ${{ vars.PROD_PORT }}`
ENTRY = re.compile(r"(?P<indent> +)(?P<name>(?:STAGING|PROD)_[A-Z0-9_]+): .*")


def find_placeholder_name(variable: Variable, app_env: str) -> str:
    """Return what fills the variable in a deployment, such as `STAGING_SECRET_KEY`.

    The databases have names of their own for each environment, and one name behind the prefix.
    """
    return f"{PREFIXES[app_env]}_{variable.name.replace('TURSO_STAGING_', 'TURSO_')}"


def generate_example() -> str:
    """Return the text of `.env.example`: every variable in a comment, under its heading."""
    pieces = [EXAMPLE_HEADER]
    for group, variables in _group(VARIABLES):
        pieces.append(_write_heading(group))
        for variable in variables:
            value = variable.example
            if not variable.secret:
                value = variable.default_in("local") or value
            pieces.append(f"\n# {variable.description}\n# {variable.name}={value}\n")
    return "".join(pieces)


def generate_template(app_env: str) -> str:
    """Return the text of `.env.staging` or `.env.production`."""
    pieces = [TEMPLATE_HEADER.format(app_env=app_env)]
    for group, variables in _group(_list_variables(app_env)):
        pieces.append(_write_heading(group))
        for variable in variables:
            mark = "" if variable.required else f"{OPTIONAL}\n"
            placeholder = f"${{{find_placeholder_name(variable, app_env)}}}"
            pieces.append(f"\n# {variable.description}\n{mark}{variable.name}={placeholder}\n")
    return "".join(pieces)


def update_guide(text: str) -> str:
    """Return the guide with the rows of its table of variables as the table has them.

    Raises:
        ValueError: it has no such table.
    """
    before, header, rest = text.partition(TABLE_HEADER)
    if not header:
        raise ValueError("the guide has no table of variables")
    _rows, _blank, behind = rest.partition("\n\n")
    rows = "".join(_describe(variable) for variable in VARIABLES)
    return f"{before}{header}{rows}\n{behind}"


def update_workflow(text: str) -> str:
    """Return a workflow with an entry for each placeholder, where it has entries for them.

    Entries are lines that follow each other, one of them for `…_SECRET_KEY`. Those that are there
    stay as they are worded, also between `secrets` and `vars`; those of no variable come last.
    """
    pieces: list[str] = []
    for is_entry, lines in groupby(text.splitlines(keepends=True), key=_is_entry):
        block = list(lines)
        if is_entry:
            block = _complete_entries(block)
        pieces += block
    return "".join(pieces)


def list_outdated(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each generated file of a checkout that is not up to date, and what it should be."""
    texts = {root / ".env.example": generate_example()}
    for app_env in DEPLOYED:
        texts[root / f".env.{app_env}"] = generate_template(app_env)
    guide = root / "docs" / "environment.md"
    texts[guide] = update_guide(guide.read_text(encoding="utf-8"))
    for workflow in sorted((root / ".github" / "workflows").glob("*.yml")):
        texts[workflow] = update_workflow(workflow.read_text(encoding="utf-8"))
    for path, text in texts.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            yield path, text


def _list_variables(app_env: str) -> list[Variable]:
    return [variable for variable in VARIABLES if app_env in variable.environments]


def _group(variables: Sequence[Variable]) -> Iterator[tuple[str, list[Variable]]]:
    """Yield each heading with its variables."""
    for group, rows in groupby(variables, key=lambda variable: variable.group):
        yield group, list(rows)


def _write_heading(group: str) -> str:
    return "\n" + f"# --- {group} ".ljust(HEADING_WIDTH, "-") + "\n"


def _describe(variable: Variable) -> str:
    """Return the row of the guide's table."""
    default = variable.default_note
    if variable.secret and variable.local_default:
        default = "a key for laptops only"
    if not default:
        default = f"`{variable.default}`" if variable.default else ""
        if variable.local_default is not None:
            default = f"`{variable.local_default}` in local, {default or 'none'} elsewhere"
    cells = (f"`{variable.name}`", default or "–", variable.allowed, variable.description)
    return f"| {' | '.join(cells)} |\n"


def _is_entry(line: str) -> bool:
    return ENTRY.fullmatch(line.rstrip("\n")) is not None


def _complete_entries(lines: list[str]) -> list[str]:
    """Return the entries of a block, one for each variable of its environment, in their order."""
    by_name: dict[str, str] = {}
    indent = ""
    for line in lines:
        match = ENTRY.fullmatch(line.rstrip("\n"))
        if match:
            by_name[match["name"]] = line
            indent = match["indent"]
    completed: list[str] = []
    for app_env, prefix in PREFIXES.items():
        if f"{prefix}_SECRET_KEY" not in by_name:
            continue  # these are of something else
        for variable in _list_variables(app_env):
            name = find_placeholder_name(variable, app_env)
            # Whatever may hold a password is a secret there too.
            context = "secrets" if variable.takes_file else "vars"
            entry = f"{indent}{name}: ${{{{ {context}.{name} }}}}\n"
            completed.append(by_name.pop(name, entry))
    return [*completed, *by_name.values()]
