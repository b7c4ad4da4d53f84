"""Regions, and the codes of the network that Turso has left.

Turso's databases are on AWS. Guides still name the locations of Fly.io that they were on before;
new groups cannot be there, so the nearest region of today is taken where there is no doubt.

Source: Turso's documentation, "Locations"; the codes are Fly.io's, of IATA.
"""

from collections.abc import Mapping
from typing import Final

from autoforge.operations.turso.errors import TursoInputError

__all__ = ["NEAREST", "translate_location"]

TOKYO: Final = "aws-ap-northeast-1"
MUMBAI: Final = "aws-ap-south-1"
IRELAND: Final = "aws-eu-west-1"
VIRGINIA: Final = "aws-us-east-1"
OHIO: Final = "aws-us-east-2"
OREGON: Final = "aws-us-west-2"
NEAREST: Final[Mapping[str, str]] = {
    # Code of a retired location → the region of today that is nearest to it.
    **dict.fromkeys(("nrt", "hkg"), TOKYO),
    **dict.fromkeys(("bom", "maa"), MUMBAI),
    **dict.fromkeys(
        ("ams", "arn", "cdg", "fra", "lhr", "mad", "otp", "waw"),
        IRELAND,
    ),
    **dict.fromkeys(("atl", "bos", "ewr", "iad", "mia", "yul"), VIRGINIA),
    **dict.fromkeys(("ord", "yyz"), OHIO),
    **dict.fromkeys(("den", "lax", "phx", "sea", "sjc"), OREGON),
}
# As far from one region as from another, or far from all: a person has to choose.
UNCLEAR: Final = frozenset(
    {"bog", "dfw", "eze", "gdl", "gig", "gru", "jnb", "qro", "scl", "sin", "syd"}
)


def translate_location(code: str, regions: Mapping[str, str]) -> tuple[str, str]:
    """Return a region of today, and a sentence where it is not what was typed.

    Args:
        code: as it was typed: a region, or the code of a retired location.
        regions: today's regions by code, as Turso lists them.

    Raises:
        TursoInputError: no region is meant for sure; the sentence lists them.
    """
    code = code.strip().lower()
    if code in regions:
        return code, ""
    listed = ", ".join(f"{region} ({name})" for region, name in sorted(regions.items()))
    nearest = NEAREST.get(code)
    if nearest in regions:
        name = regions[str(nearest)]
        return str(nearest), (
            f"{code} is a location that Turso has retired; its nearest region today is "
            f"{nearest} ({name})."
        )
    if nearest or code in UNCLEAR:
        raise TursoInputError(
            f"{code} is a location that Turso has retired, and no region of today clearly takes "
            f"its place; choose one of {listed}."
        )
    raise TursoInputError(f"{code!r} is not a location at Turso; choose one of {listed}.")
