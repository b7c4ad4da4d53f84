"""Runs mutmut in the folder where it is started, with three changes of its own.

Without its changes of texts: whether a sentence is worded so or otherwise decides nothing; tests
that match sentences are the place for it. What is left: operators, comparisons, numbers,
conditions, arguments, assignments.

With services: mutmut leaves decorated functions alone, since a decorator may do something when it
is applied. `transaction.atomic` does nothing before the call, and twice is as good as once.

With a sample, where MUTANTS_SAMPLE says how many changes are tried.
"""

import json
import os
import random
from typing import Any

import click
import libcst as cst
import libcst.matchers as m
import mutmut.__main__ as mutmut_main
from mutmut.mutation import mutators
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.file_mutation import MutationVisitor
from once import collect_once  # type: ignore[import-not-found]  # beside this file

ATOMIC = m.FunctionDef(
    decorators=[m.Decorator(decorator=m.Attribute(m.Name("transaction"), m.Name("atomic")))]
)

# In place: mutmut's other modules have imported the list already.
operators = list(mutators.mutation_operators)
for entry in operators:
    if entry[0] is cst.BaseString:
        mutators.mutation_operators.remove(entry)  # type: ignore[attr-defined]  # it is a list

is_left_alone = MutationVisitor._skip_node_and_children  # noqa: SLF001 (mutmut has no option for it)


def is_left_alone_here(self: MutationVisitor, node: cst.CSTNode) -> bool:
    """Answer as mutmut does, except for the functions that are one transaction."""
    return not m.matches(node, ATOMIC) and is_left_alone(self, node)


MutationVisitor._skip_node_and_children = is_left_alone_here  # type: ignore[method-assign]  # noqa: SLF001 (as above)


@mutmut_main.cli.command()
@click.argument("keys", nargs=-1)
def differences(keys: tuple[str, ...]) -> None:
    """Print the differences that changes make, as a JSON object."""
    click.echo(json.dumps({key: get_diff_for_mutant(key) for key in keys}))


list_changes = mutmut_main.collect_source_file_mutation_data


def draw_changes(*, mutant_names: Any) -> Any:
    """Draw MUTANTS_SAMPLE changes by MUTANTS_SEED, the same ones each time; all of them for 0."""
    changes, files = list_changes(mutant_names=mutant_names)
    size = int(os.environ.get("MUTANTS_SAMPLE", "0"))
    if 0 < size < len(changes):
        draw = random.Random(int(os.environ["MUTANTS_SEED"]))  # noqa: S311 (no secret)
        changes = draw.sample(sorted(changes, key=lambda change: change[1]), size)
    return changes, files


mutmut_main.collect_source_file_mutation_data = draw_changes
collect_once()
mutmut_main.cli()
