"""The option that commands which read backups have in common."""

import argparse
from pathlib import Path

__all__ = ["add_identity"]


def add_identity(parser: argparse.ArgumentParser) -> None:
    """Add the option for who can read an encrypted backup."""
    parser.add_argument(
        "--identity",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="file of an age identity that opens the backup; can be repeated",
    )
