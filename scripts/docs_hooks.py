"""Hooks of the documentation site, for what two languages in one folder need.

mkdocs reads this file (`mkdocs.yml`); it runs in an environment that has nothing of AutoForge.
"""

import re
from pathlib import PurePosixPath
from typing import Any, Final

NOTE: Final = "このページはまだ日本語になっていません。英語版を表示しています。"
# A line that leads readers of the repository to the other language: the site has a menu for it.
OTHER_LANGUAGE: Final = re.compile(
    r"^(日本語: )?\[(日本語|English|\w+\.ja\.md)\]\([\w.]+\)\n", re.MULTILINE
)


def on_page_markdown(markdown: str, *, page: Any, config: object, files: object) -> str:
    """Return the page's text; an English page on the Japanese site has a note below its title."""
    text = OTHER_LANGUAGE.sub("", markdown, count=1)
    is_on_japanese_site = page.file.dest_uri.startswith("ja/")
    is_in_japanese = PurePosixPath(page.file.src_uri).stem.endswith(".ja")
    if is_on_japanese_site and not is_in_japanese:
        title, _, rest = text.partition("\n")
        return f'{title}\n\n!!! note ""\n    {NOTE}\n{rest}'
    return text
