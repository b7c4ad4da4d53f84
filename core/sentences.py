"""What a person is told: a code and its parameters, put into words where it is shown.

The sentences stand in one catalogue. Each storey adds its own: `core/catalogue.py`,
`prompts/catalogue.py` and `evaluations/catalogue.py`. An error carries the code, so a program can
act on it, an API can send it and a page can say it in its reader's language, whoever raised it.

    SuiteError("suite.cases-list", at="support.yaml, line 3")
    str(…)  →  "support.yaml, line 3: cases must be a list"

`tests/test_sentences.py` reads the sources: each code that is raised is in the catalogue, with just
the parameters that its sentence has, and each sentence of the catalogue is raised somewhere.
"""

import re
from collections.abc import Mapping
from copy import copy
from typing import Final, Self

from core.language import gettext

__all__ = ["CATALOGUE", "CodedError", "Sentence", "register", "with_period"]

_CODE: Final = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")

CATALOGUE: Final[dict[str, str]] = {}
"""Code → sentence in English, with %(name)s where a parameter goes. Filled by `register`."""


def register(sentences: Mapping[str, str]) -> Mapping[str, str]:
    """Add the sentences of one storey to the catalogue, and return them.

    Raises:
        ValueError: a code stands in the catalogue already, or is not written as `subject.detail`.
    """
    for code, sentence in sentences.items():
        if not _CODE.fullmatch(code):
            message = f"{code} is not a code; write subject.detail in lower case"
            raise ValueError(message)
        if CATALOGUE.setdefault(code, sentence) != sentence:
            message = f"the code {code} is in the catalogue twice"
            raise ValueError(message)
    return sentences


class Sentence:
    """One sentence for people: `str()` says it in the language of whoever reads it now.

    Args:
        text: a code of the catalogue. Anything else is said as it is: a package may raise one of
            our errors in words of its own. What comes from outside goes through `verbatim`.
        at: where it stands, such as a file and a line; said first, before a colon.
        **params: what each %(name)s of the sentence stands for. Sentences and errors among them
            are translated with it.

    >>> str(Sentence("field.unknown", names="title, content"))
    'unknown field; allowed fields: title, content'
    """

    __slots__ = ("at", "code", "params")

    code: str
    params: Mapping[str, object]

    def __init__(self, text: str, /, *, at: object = None, **params: object) -> None:
        self.code = ""
        self.params = {"text": text}
        if text in CATALOGUE:
            self.code = text
            self.params = params
        self.at = at

    @classmethod
    def verbatim(cls, text: str, *, at: object = None) -> "Sentence":
        """Return a sentence in somebody else's words, even where they are written as a code."""
        sentence = cls("", at=at)
        sentence.params = {"text": text}
        return sentence

    def within(self, at: object) -> "Sentence":
        """Return the same, said of a place that holds the one it names now."""
        wider = copy(self)
        wider.at = at
        if self.at is not None:
            wider.at = Sentence("place.nested", outer=at, inner=self.at)
        return wider

    @property
    def text(self) -> str:
        """What is wrong, without its place."""
        if not self.code:
            return str(self.params["text"])
        return gettext(CATALOGUE[self.code]) % self.params

    def __str__(self) -> str:
        if self.at is None:
            return self.text
        return f"{self.at}: {self.text}"

    def __repr__(self) -> str:
        return f"Sentence({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sentence):
            return NotImplemented
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


def with_period(sentence: object) -> str:
    """Return an English sentence with its mark; one that asks “did you mean …?” has it already.

    >>> with_period("unknown provider “opnai”; did you mean “openai”?")
    'unknown provider “opnai”; did you mean “openai”?'
    >>> with_period("suite.yaml: cases must be a list")
    'suite.yaml: cases must be a list.'
    """
    text = str(sentence)
    return text if text.endswith(("?", ".")) else f"{text}."


class CodedError(Exception):
    """An error that says a `Sentence`; the arguments are the same, or one sentence.

    Attributes:
        sentence: what is wrong; `str()` of the error is `str()` of it.
    """

    def __init__(self, sentence: Sentence | str, /, *, at: object = None, **params: object) -> None:
        if not isinstance(sentence, Sentence):
            sentence = Sentence(sentence, at=at, **params)
        elif at is not None:
            sentence = sentence.within(at)
        self.sentence = sentence
        super().__init__(self.sentence)

    def __str__(self) -> str:
        return str(self.sentence)

    @property
    def code(self) -> str:
        """The code of its sentence; empty where it says somebody else's words."""
        return self.sentence.code

    def within(self, at: object) -> Self:
        """Return the same error, said of a place that holds the one it names."""
        wider = copy(self)
        wider.sentence = self.sentence.within(at)
        wider.args = (wider.sentence,)
        return wider
