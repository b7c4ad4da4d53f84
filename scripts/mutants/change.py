"""Runs mutmut in the folder where it is started, without its changes of texts.

Whether a sentence is worded so or otherwise decides nothing; tests that match sentences are the
place for it. What is left: operators, comparisons, numbers, conditions, arguments, assignments.
"""

import libcst as cst
from mutmut.__main__ import cli
from mutmut.mutation import mutators

# In place: mutmut's other modules have imported the list already.
operators = list(mutators.mutation_operators)
for entry in operators:
    if entry[0] is cst.BaseString:
        mutators.mutation_operators.remove(entry)  # type: ignore[attr-defined]  # it is a list
cli()
