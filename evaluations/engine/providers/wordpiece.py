"""WordPiece: a text as the numbers that a BERT model (uncased) reads.

The rules are those of the BERT paper's program: https://github.com/google-research/bert#tokenization.
Marks such as [SEP] that stand in a text are text here, so an answer cannot set one.
Our own, because tokenizers cuts the same and brings a dozen packages: docs/decisions/0017.
"""

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

__all__ = ["WordPiece", "words"]

UNKNOWN: Final = "[UNK]"
START: Final = "[CLS]"
END: Final = "[SEP]"
INSIDE: Final = "##"
LONGEST_WORD: Final = 100  # characters; a longer word is unknown
SPACES: Final = "\t\n\r"
NO_CHARACTER: Final = "\ufffd"
# Control, format, private use, surrogates. What this Python does not know yet (Cn) may be an emoji.
DROPPED: Final = ("Cc", "Cf", "Co", "Cs")
# Blocks of Chinese characters, each of which is a word; kana and hangul are not among them.
CHINESE: Final = (
    range(0x3400, 0x4DC0),
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2CEB0),
    range(0x2F800, 0x2FA20),
)
ASCII_SIGNS: Final = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class WordPiece:
    """Cuts texts into the pieces of a vocabulary.

    Args:
        vocabulary: piece → number; a piece that does not begin a word begins with ##.
        longest: how many numbers the model reads, both marks counted; the rest is cut off.

    Raises:
        ValueError: a mark is not in the vocabulary; says which.
    """

    def __init__(self, vocabulary: Mapping[str, int], *, longest: int) -> None:
        missing = [mark for mark in (UNKNOWN, START, END) if mark not in vocabulary]
        if missing:
            raise ValueError(f"the vocabulary has no {missing[0]}")
        self._vocabulary = vocabulary
        self._longest_piece = max(map(len, vocabulary))
        self._longest = longest

    def ids(self, text: str) -> list[int]:
        """Return the numbers of the text's pieces, with the marks of start and end."""
        return [self._vocabulary[piece] for piece in self.pieces(text)]

    def pieces(self, text: str) -> list[str]:
        """Return the text's pieces, with the marks of start and end."""
        room = self._longest - 2  # both marks
        pieces: list[str] = []
        for word in words(text):
            if len(pieces) >= room:
                break
            pieces += self._cut(word)
        return [START, *pieces[:room], END]

    def _cut(self, word: str) -> list[str]:
        """Return the longest pieces from the left, or [UNK] where any part is not known."""
        if len(word) > LONGEST_WORD:
            return [UNKNOWN]
        pieces: list[str] = []
        start = 0
        while start < len(word):
            mark = INSIDE if start else ""
            piece = self._find_piece(word, start, mark)
            if piece is None:
                return [UNKNOWN]
            pieces.append(piece)
            start += len(piece) - len(mark)
        return pieces

    def _find_piece(self, word: str, start: int, mark: str) -> str | None:
        """Return the longest piece at a place of a word, None where there is none."""
        for end in range(min(len(word), start + self._longest_piece), start, -1):
            piece = mark + word[start:end]
            if piece in self._vocabulary:
                return piece
        return None


def words(text: str) -> list[str]:
    """Return the words: in lower case, without accents, each sign and Chinese character alone."""
    return "".join(map(_normalise, text)).split()


@lru_cache(maxsize=65536)
def _normalise(character: str) -> str:
    """Return what a character becomes; one at a time, so that Σ is σ at a word's end too."""
    category = unicodedata.category(character)
    if character in SPACES or category.startswith("Z"):
        return " "
    if category in DROPPED or character == NO_CHARACTER:
        return ""
    if any(ord(character) in block for block in CHINESE):
        return f" {unicodedata.normalize('NFD', character)} "
    letters = [
        part
        for part in unicodedata.normalize("NFD", character)
        if unicodedata.category(part) != "Mn"  # an accent
    ]
    lower = "".join(letters).lower()
    return "".join([f" {part} " if _is_sign(part) else part for part in lower])


def _is_sign(character: str) -> bool:
    return character in ASCII_SIGNS or unicodedata.category(character).startswith("P")
