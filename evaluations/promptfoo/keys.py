"""The keys of promptfoo's configurations: which are known, and which are not carried out."""

import difflib
from collections.abc import Mapping
from typing import Final

from evaluations.engine.formats.yaml_document import Document, KeyPath
from evaluations.promptfoo.files import Source

__all__ = [
    "ASSERTION",
    "COMMAND_LINE",
    "OPTIONS",
    "PATH",
    "RUN",
    "SCENARIO",
    "TEST",
    "TOP",
    "warn_of_keys",
]

Keys = Mapping[str, str]
"""A key, and what becomes of it; empty where it is carried out, or changes nothing."""


def _known(words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), "")


TOP: Final[Keys] = {
    **_known("$schema description tags prompts providers targets tests defaultTest scenarios"),
    **_known("evaluateOptions commandLineOptions assertionTemplates sharing metadata"),
    "env": "is not read; set variables in the environment",
    "extensions": "would run code; they are left out",
    "derivedMetrics": "are not computed",
    "nunjucksFilters": "would run code; a text that uses one is an error of its case",
    "outputPath": "is not written; use --format and --output",
    "tracing": "is left out; nothing is traced",
    "redteam": "is left out; no attacks are generated",
    "plugins": "is left out; no attacks are generated",
    "strategies": "is left out; no attacks are generated",
}
TEST: Final[Keys] = {
    **_known("description vars providers prompts assert threshold metadata options providerOutput"),
    "assertScoringFunction": "would run code; scoring the case will be an error",
    "provider": "of a test is left out; the models of the columns are asked",
}
SCENARIO: Final[Keys] = _known("description config tests")
PATH: Final[Keys] = {"path": "", "config": "of a file of tests is for code; it is left out"}
OPTIONS: Final[Keys] = {
    **_known("prefix suffix provider disableVarExpansion disableDefaultAsserts"),
    **_known("disableConversationVar"),
    "transform": "would run code; scoring the case will be an error",
    "postprocess": "would run code; scoring the case will be an error",
    "transformVars": "would run code; the variables stay as they are",
    "storeOutputAs": "is left out; no answer becomes a variable of later tests",
    "rubricPrompt": "is left out; judges are asked in words of our own",
    "factuality": "is left out; a contradiction alone fails",
    "runSerially": "is left out; tests run at the same time",
    "repeat": "of a test is left out; evaluateOptions.repeat is for all tests",
}
ASSERTION: Final[Keys] = {
    **_known("type value threshold weight metric provider config assert $ref"),
    "transform": "would run code; scoring it will be an error",
    "contextTransform": "would run code; scoring it will be an error",
    "rubricPrompt": "is left out; judges are asked in words of our own",
}
RUN: Final[Keys] = {
    **_known("cache maxConcurrency repeat timeoutMs maxEvalTimeMs showProgressBar silent"),
    **_known("interactiveProviders"),
    "delay": "is left out; give the model a limit a minute in a model profile",
    "generateSuggestions": "is left out; no prompts are suggested",
    "suggestionsCount": "is left out; no prompts are suggested",
    "filterRange": "is left out; all tests are run",
}
COMMAND_LINE: Final[Keys] = {
    **_known("cache maxConcurrency repeat table tableCellMaxLength progressBar verbose write"),
    **_known("share interactiveProviders description"),
    **dict.fromkeys(("output", "outputPath"), "is not written; use --format and --output"),
    "grader": "is left out; use --judge",
    "envFile": "is not read; set variables in the environment",
    "envPath": "is not read; set variables in the environment",
    "delay": RUN["delay"],
}


def warn_of_keys(
    source: Source, entry: object, known: Keys, document: Document, path: KeyPath
) -> None:
    """Warn of each key that is unknown, or known and not carried out.

    Args:
        source: where the warnings go.
        entry: an object of a configuration; nothing else has keys.
        known: the keys that it may have.
        document: where it stands.
        path: and where in it.
    """
    if not isinstance(entry, Mapping):
        return
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean “{near[0]}”?" if near else ""
            place = document.spot(*path, key)
            source.warn(f"there is no “{key}” here, it is left out{hint}", place)
        elif known[key]:
            source.warn(f"“{key}” {known[key]}", document.spot(*path, key))
