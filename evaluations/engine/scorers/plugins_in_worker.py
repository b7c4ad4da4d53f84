"""What workers do of scoring by a scorer of an installed package.

Packages are imported with this module, before a call begins: their imports are no part of the
CPU time that the scoring of one answer may take.
"""

from evaluations.engine.scorers.in_worker import check, score
from evaluations.engine.scorers.registry import SCORERS

__all__ = ["check", "score"]

len(SCORERS)  # reads the entry points, which loads them
