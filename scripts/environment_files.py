"""Bring files that name every variable up to date with the table: `make env-files`.

The table is `autoforge/environment/variables.py`. A variable that a file lacks gets its entry
behind the one that stands before it in the table; what is there already stays as it is, also where
somebody has worded it by hand. A test fails while a file lacks one.
"""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from autoforge.environment import VARIABLES, Variable

ROOT = Path(__file__).resolve().parent.parent
PREFIXES = {"staging": "STAGING", "production": "PROD"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A file that has an entry for each variable."""

    path: str
    """Where it is in the project."""
    pattern: Callable[[Variable], str]
    """Returns what an entry's last line begins with, as a regular expression."""
    entry: Callable[[Variable], str]
    """Returns the lines of a new entry."""
    app_env: str = ""
    """The environment it is for; empty: all of them."""


def add_missing(listing: Listing, text: str) -> str:
    """Return the text of a file with an entry for each variable that counts there."""
    lines = text.splitlines()
    position = -1
    for variable in VARIABLES:
        if listing.app_env and listing.app_env not in variable.environments:
            continue
        index = find_entry(lines, listing.pattern(variable))
        if index is None:
            added = listing.entry(variable).splitlines()
            lines[position + 1 : position + 1] = added
            index = position + len(added)
        position = index
    return "\n".join(lines) + "\n"


def find_entry(lines: Sequence[str], pattern: str) -> int | None:
    """Return the index of the first line that begins with the pattern, or None."""
    for index, line in enumerate(lines):
        if re.match(pattern, line):
            return index
    return None


def list_files() -> Iterator[Listing]:
    """Yield every file that names all variables."""
    yield Listing(
        path=".env.example",
        pattern=lambda variable: rf"(# )?{variable.name}=",
        entry=lambda variable: (
            f"\n# {variable.description}\n# {variable.name}={variable.example}\n"
        ),
    )
    yield Listing(
        path="docs/environment.md",
        pattern=lambda variable: rf"\| `{variable.name}` \|",
        entry=describe_row,
    )
    for app_env, prefix in PREFIXES.items():
        yield from list_deployment(app_env, prefix)


def list_deployment(app_env: str, prefix: str) -> Iterator[Listing]:
    """Yield the template of a deployment and the workflow that fills it."""

    def name_placeholder(variable: Variable) -> str:
        return f"{prefix}_{variable.name.replace('TURSO_STAGING_', 'TURSO_')}"

    def fill(variable: Variable) -> str:
        name = name_placeholder(variable)
        context = "secrets" if variable.secret else "vars"  # of GitHub's expressions
        return f"          {name}: ${{{{ {context}.{name} }}}}\n"

    # A deployment may leave a new variable out, as long as nobody says that it is needed there.
    yield Listing(
        path=f".env.{app_env}",
        pattern=lambda variable: rf"{variable.name}=\$",
        entry=lambda variable: (
            f"\n# {variable.description}\n# optional\n"
            f"{variable.name}=${{{name_placeholder(variable)}}}\n"
        ),
        app_env=app_env,
    )
    yield Listing(
        path=f".github/workflows/deploy-{app_env}.yml",
        pattern=lambda variable: rf" +{name_placeholder(variable)}: ",
        entry=fill,
        app_env=app_env,
    )


def describe_row(variable: Variable) -> str:
    """Return the row of the guide's table."""
    default = f"`{variable.default}`" if variable.default else ""
    if variable.local_default is not None and not variable.secret:
        default = f"`{variable.local_default}` in local, {default or 'none'} elsewhere"
    cells = (f"`{variable.name}`", default or "–", variable.allowed, variable.description)
    return f"| {' | '.join(cells)} |\n"


def main() -> int:
    """Write what has changed and name it."""
    for listing in list_files():
        path = ROOT / listing.path
        text = path.read_text(encoding="utf-8")
        complete = add_missing(listing, text)
        if complete != text:
            path.write_text(complete, encoding="utf-8")
            print(f"{listing.path}: up to date now")
    return 0


if __name__ == "__main__":
    sys.exit(main())
