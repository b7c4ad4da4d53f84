"""Runs mutmut in the folder where it is started, without its changes of texts.

Whether a sentence is worded so or otherwise decides nothing; tests that match sentences are the
place for it. What is left: operators, comparisons, numbers, conditions, arguments, assignments.
"""

import libcst as cst
from mutmut.__main__ import cli
from mutmut.mutation import mutators

mutators.mutation_operators[:] = [
    (kind, change) for kind, change in mutators.mutation_operators if kind is not cst.BaseString
]
cli()
