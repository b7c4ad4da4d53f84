"""What the front pages say is so: variables, defaults, links, and the same in both languages."""

import re
from pathlib import Path

import pytest

from autoforge.environment import VARIABLES

ROOT = Path(__file__).resolve().parents[2]
FRONT_PAGES = (
    *("README.md", "README.ja.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("CODE_OF_CONDUCT.md", "SECURITY.md"),
)
GUIDES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
ROW = re.compile(r"^\| (`[A-Z_`、, ]+`) \| ([^|]+) \|", re.MULTILINE)


def rows(page: str) -> list[tuple[list[str], list[str]]]:
    """Return the names and the defaults in code of each row of the table of variables."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = ((re.findall(r"`([^`]+)`", cell) for cell in row) for row in ROW.findall(text))
    return [(names, defaults) for names, defaults in found]


@pytest.mark.parametrize("page", [*FRONT_PAGES, *GUIDES])
def test_every_link_and_picture_leads_to_a_file(page):
    text = CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    folder = (ROOT / page).parent
    assert [link for link in LINK.findall(text) if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "README.ja.md"])
def test_the_table_gives_the_defaults_that_count(page):
    variables = {variable.name: variable for variable in VARIABLES}
    table = rows(page)
    assert len(table) == 8
    for names, defaults in table:
        for name, default in zip(names, defaults, strict=False):
            if default != "make run":  # it writes the secrets
                assert default in {variables[name].default, variables[name].local_default}


def test_both_languages_say_the_same():
    english, japanese = ((ROOT / page).read_text("utf-8") for page in FRONT_PAGES[:2])
    assert [names for names, _ in rows("README.md")] == [n for n, _ in rows("README.ja.md")]
    for part in (r"```console\n.*?```", r"^#+ ", r"^- \*\*"):
        found = [re.findall(part, text, re.MULTILINE | re.DOTALL) for text in (english, japanese)]
        assert found[0] == found[1]
    links = [
        {link.replace(".ja.md", ".md") for link in LINK.findall(text) if link not in FRONT_PAGES}
        for text in (english, japanese)
    ]
    assert links[0] == links[1]
