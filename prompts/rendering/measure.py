"""How long a text is, as people and as models count."""

import math
import re
from typing import Final

__all__ = ["estimate_tokens"]

# Rules of thumb, good to about a fifth for the tokenizers of today's large models: a word of Latin
# letters is a token for each five letters begun, a digit run one for each three, a character of
# Chinese, Japanese or Korean about one, a sign one.
PIECES: Final = re.compile(r"[A-Za-z]+|\d+|\s+|[^\sA-Za-z\d]")
LETTERS_A_TOKEN: Final = 5
DIGITS_A_TOKEN: Final = 3


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a model makes of the text."""
    count = 0
    for piece in PIECES.findall(text):
        if piece[0].isspace():
            # A blank belongs to the word behind it; line breaks, however many, are one token.
            if "\n" in piece:
                count += 1
        elif piece[0].isdigit() and piece.isascii():
            count += math.ceil(len(piece) / DIGITS_A_TOKEN)
        elif piece.isascii() and piece.isalpha():
            count += math.ceil(len(piece) / LETTERS_A_TOKEN)
        else:
            count += 1
    return count
