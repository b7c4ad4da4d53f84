"""The words of plain Python, in the language of whoever reads them.

Readers, rendering and the engine know no Django; what they refuse is read on pages of several
languages all the same. They call the `gettext` of this module as Django's code calls its own:
the sentence first, its parameters after a `%`. Until somebody names a translator, English stays
English; `CoreConfig` names Django's, which knows the language of the request, and LANGUAGE_CODE
elsewhere.
"""

from collections.abc import Callable

__all__ = ["gettext", "gettext_noop", "translate_with"]


def gettext_noop(text: str) -> str:
    """Mark a text for translators, where it is translated later."""
    return text


_translator: list[Callable[[str], str]] = [gettext_noop]


def translate_with(translator: Callable[[str], str]) -> None:
    """Let `translator` translate from now on, in this process."""
    _translator[:] = [translator]


def gettext(text: str) -> str:
    """Return a sentence in the language of whoever reads it now."""
    return _translator[0](text)
