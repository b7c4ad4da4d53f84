"""The keys of promptfoo's configurations: which are known, and which are not carried out."""

import difflib
from collections.abc import Mapping
from typing import Final

from core.language import gettext as _
from core.language import gettext_noop
from evaluations.engine.formats.yaml_document import Document, KeyPath
from evaluations.promptfoo.files import Source

__all__ = [
    "ASSERTION",
    "COMMAND_LINE",
    "NO_CODE_IN_ASSERTION",
    "NO_CODE_IN_CASE",
    "NO_CODE_IN_VARIABLES",
    "OPTIONS",
    "PATH",
    "RUN",
    "SCENARIO",
    "TEST",
    "TOP",
    "warn_of_keys",
]

Keys = Mapping[str, str]
"""A key, and the warning about it; empty where it is carried out, or changes nothing."""

NO_CODE_IN_CASE: Final = gettext_noop(
    "“%(key)s” would run code, which AutoForge never does; the case will be an error"
)
NO_CODE_IN_ASSERTION: Final = gettext_noop(
    "“%(key)s” would run code, which AutoForge never does; the assertion will be an error"
)
NO_CODE_IN_VARIABLES: Final = gettext_noop(
    "“%(key)s” would run code, which AutoForge never does; the variables stay unchanged"
)
NO_ATTACKS: Final = gettext_noop("“%(key)s” is ignored; generating attacks is not supported")
NO_SUGGESTIONS: Final = gettext_noop("“%(key)s” is ignored; suggesting prompts is not supported")
NO_ENVIRONMENT: Final = gettext_noop("“%(key)s” is ignored; set variables in the environment")
OWN_RUBRIC: Final = gettext_noop("“%(key)s” is ignored; judges get AutoForge's own prompt")
OPTION_OUTPUT: Final = gettext_noop("“%(key)s” is ignored; use --format and --output")


def _known(words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), "")


TOP: Final[Keys] = {
    **_known("$schema description tags prompts providers targets tests defaultTest scenarios env"),
    **_known(
        "evaluateOptions commandLineOptions assertionTemplates sharing metadata derivedMetrics"
    ),
    "extensions": gettext_noop("“%(key)s” would run code, which AutoForge never does"),
    "nunjucksFilters": gettext_noop(
        "“%(key)s” would run code, which AutoForge never does; a case that uses such a filter "
        "will be an error"
    ),
    "outputPath": OPTION_OUTPUT,
    "tracing": gettext_noop("“%(key)s” is ignored; tracing is not supported"),
    **dict.fromkeys(("redteam", "plugins", "strategies"), NO_ATTACKS),
}
TEST: Final[Keys] = {
    **_known("description vars providers prompts assert threshold metadata options providerOutput"),
    "assertScoringFunction": "",
    "provider": gettext_noop("“%(key)s” of a test is ignored; the models of the run answer it"),
}
SCENARIO: Final[Keys] = _known("description config tests")
PATH: Final[Keys] = {
    "path": "",
    "config": gettext_noop("“%(key)s” of a test file is ignored; only code uses it"),
}
OPTIONS: Final[Keys] = {
    **_known("prefix suffix provider disableVarExpansion disableDefaultAsserts"),
    **_known("disableConversationVar"),
    **_known("transform postprocess transformVars"),
    "storeOutputAs": gettext_noop(
        "“%(key)s” is ignored; answers cannot become variables of later tests"
    ),
    "rubricPrompt": "",
    "factuality": gettext_noop("“%(key)s” is ignored; only a contradiction fails"),
    "runSerially": gettext_noop("“%(key)s” is ignored; tests run concurrently"),
    "repeat": gettext_noop(
        "“%(key)s” of a test is ignored; set evaluateOptions.repeat for all tests"
    ),
}
ASSERTION: Final[Keys] = {
    **_known("type value threshold weight metric provider config assert $ref"),
    **_known("transform"),
    "contextTransform": NO_CODE_IN_ASSERTION,
    "rubricPrompt": "",
}
RUN: Final[Keys] = {
    **_known("cache maxConcurrency repeat timeoutMs maxEvalTimeMs showProgressBar silent"),
    **_known("interactiveProviders delay"),
    **dict.fromkeys(("generateSuggestions", "suggestionsCount"), NO_SUGGESTIONS),
    "filterRange": gettext_noop("“%(key)s” is ignored; all tests are run"),
}
COMMAND_LINE: Final[Keys] = {
    **_known("cache maxConcurrency repeat table tableCellMaxLength progressBar verbose write"),
    **_known("share interactiveProviders description delay"),
    **dict.fromkeys(("output", "outputPath"), OPTION_OUTPUT),
    "grader": gettext_noop("“%(key)s” is ignored; use --judge"),
    **dict.fromkeys(("envFile", "envPath"), NO_ENVIRONMENT),
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
        location = document.location(*path, key)
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = _("; did you mean “%(near)s”?") % {"near": near[0]} if near else ""
            source.warn(_("unknown key “%(key)s” is ignored") % {"key": key} + hint, location)
        elif known[key]:
            source.warn(_(known[key]) % {"key": key}, location)
