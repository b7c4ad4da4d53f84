"""The cases of a run for a terminal: a row each, its columns side by side, what failed first.

Where the terminal is too narrow for the columns, they stand below each other. Rows are written as
they are read, so that ten thousand of them take no more memory than a few.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from core.terminal_text import cut_text, make_visible, measure_text, pad_text, wrap_text
from evaluations.engine.types import UNFINISHED
from evaluations.models import ResultState, result_state
from evaluations.reporting.report import Report
from evaluations.reporting.rows import first_failure
from evaluations.selectors.failed_first import (
    CaseRank,
    ListedAnswer,
    ListedCase,
    list_cases,
    rank_cases,
)
from evaluations.stored import read_components

__all__ = ["DEFAULT_ROWS", "TableStyle", "write_cases"]

DEFAULT_ROWS: Final = 25  # as many as promptfoo's table has
FAILED_LENGTH: Final = 250  # characters of a text, where nobody says how many
PASSED_LENGTH: Final = 100  # of an answer that nobody has to look at
NAME_LENGTH: Final = 60
MOST_VARIABLES: Final = 5  # that are shown beside a case
LEAST_COLUMN: Final = 24  # narrower ones stand below each other
LEAST_CASE, MOST_CASE = 8, 32  # width of the cases' names
PEEKED: Final = 25  # cases that tell how wide their names are

Styles = Mapping[str, str]
WORDS: Final[Mapping[ResultState, str]] = {
    ResultState.PASS: "PASS",
    ResultState.FAIL: "FAIL",
    ResultState.ERROR: "ERROR",
    ResultState.UNCHECKED: "NOT CHECKED",
}
# SGR codes (ECMA-48, 8.3.117); the words say the same without them.
COLOURS: Final[Mapping[ResultState, str]] = {
    ResultState.PASS: "32",
    ResultState.FAIL: "1;31",
    ResultState.ERROR: "1;33",
    ResultState.UNCHECKED: "2",
}
BOLD, DIM = "1", "2"
# The worst one is shown of several answers to a case.
SEVERITY: Final = (ResultState.FAIL, ResultState.ERROR, ResultState.UNCHECKED, ResultState.PASS)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableStyle:
    """How a table is drawn."""

    width: int = 100
    """Columns of the terminal."""
    has_colour: bool = False
    rows: int | None = DEFAULT_ROWS
    """How many cases are shown; None: all, 0: none."""
    cell_length: int | None = None
    """Characters of an answer; None: as many as its outcome is worth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A line of a cell, and the style of its beginning."""

    text: str = ""
    styled: int = 0
    """How many characters have the style."""
    style: str = ""

    def draw(self, width: int, *, has_colour: bool) -> str:
        """Return it as wide as its cell."""
        text = pad_text(self.text, width)
        if not has_colour or not self.styled:
            return text
        return f"\x1b[{self.style}m{text[: self.styled]}\x1b[0m{text[self.styled :]}"


def write_cases(report: Report, style: TableStyle) -> Iterator[str]:
    """Yield the lines of the table, each with its end."""
    ranked = rank_cases(report.run.pk)
    total = len(ranked.case_ids)
    if not total or style.rows == 0:
        return
    yield f"{_count_cases(ranked.counts)}\n"
    shown = ranked.case_ids[: style.rows]
    columns = [column.evaluation for column in report.columns]
    longest = style.cell_length or FAILED_LENGTH
    cases = list_cases(columns, shown, longest + 1)  # one more tells that it was cut
    labels = [make_visible(column.label) for column in report.columns]
    yield from _draw(cases, labels, style)
    if len(shown) < total:
        yield (
            f"{len(shown):,} of {total:,} cases are shown, the failed ones first; "
            "--table-rows N or --table-rows all shows more.\n"
        )


def _count_cases(counts: Mapping[CaseRank, int]) -> str:
    names = {
        CaseRank.FAILED: "failed",
        CaseRank.ERROR: "with errors",
        CaseRank.UNCHECKED: "not checked",
        CaseRank.PASSED: "passed",
    }
    parts = [f"{counts[rank]:,} {name}" for rank, name in names.items() if counts[rank]]
    total = sum(counts.values())
    return f"{total:,} {'case' if total == 1 else 'cases'}: {', '.join(parts)}"


def _draw(cases: Iterable[ListedCase], labels: Sequence[str], style: TableStyle) -> Iterator[str]:
    pending = iter(cases)
    first = list(islice(pending, PEEKED))
    widest = max((measure_text(_describe_case(case, " ")) for case in first), default=0)
    case_width = max(LEAST_CASE, min(widest, MOST_CASE, style.width // 4))
    column_width = (style.width - case_width - 3 * len(labels)) // len(labels)
    everything = chain(first, pending)
    if column_width < LEAST_COLUMN:
        yield from _draw_stacked(everything, labels, style)
    else:
        yield from _draw_beside(everything, labels, style, case_width, column_width)


def _draw_beside(
    cases: Iterable[ListedCase],
    labels: Sequence[str],
    style: TableStyle,
    case_width: int,
    column_width: int,
) -> Iterator[str]:
    widths = [case_width, *[column_width] * len(labels)]
    rule = "─┼─".join("─" * width for width in widths) + "\n"
    head = [_wrap("Case", case_width, 4, BOLD)]
    head += [_wrap(cut_text(label, 3 * column_width), column_width, 999, BOLD) for label in labels]
    yield from _join(head, widths, style)
    for case in cases:
        yield _colour(rule, DIM, style)
        cells = [_case_lines(case, case_width)]
        cells += [_answer_lines(answers, column_width, style) for answers in case.answers]
        yield from _join(cells, widths, style)
    yield _colour(rule.replace("┼", "┴"), DIM, style)


def _join(
    cells: Sequence[Sequence[_Line]], widths: Sequence[int], style: TableStyle
) -> Iterator[str]:
    height = max(map(len, cells))
    bar = _colour(" │ ", DIM, style)
    for number in range(height):
        parts = []
        for lines, width in zip(cells, widths, strict=True):
            line = lines[number] if number < len(lines) else _Line()
            parts.append(line.draw(width, has_colour=style.has_colour))
        yield bar.join(parts).rstrip() + "\n"


def _draw_stacked(
    cases: Iterable[ListedCase], labels: Sequence[str], style: TableStyle
) -> Iterator[str]:
    for number, label in enumerate(labels, start=1):
        yield pad_text(f"[{number}] {label}", style.width).rstrip() + "\n"
    margin = len(str(len(labels))) + 3
    for case in cases:
        yield _colour("─" * style.width + "\n", DIM, style)
        for line in _wrap(_describe_case(case, "  "), style.width, len(case.name), BOLD):
            yield (
                line.draw(
                    0 if not line.text else measure_text(line.text), has_colour=style.has_colour
                )
                + "\n"
            )
        for number, answers in enumerate(case.answers, start=1):
            mark = f"[{number}]".ljust(margin)
            for line in _answer_lines(answers, style.width - margin, style):
                drawn = line.draw(style.width - margin, has_colour=style.has_colour)
                yield f"{mark}{drawn}".rstrip() + "\n"
                mark = " " * margin


def _describe_case(case: ListedCase, separator: str) -> str:
    return separator.join([_name(case), *_variables(case)])


def _name(case: ListedCase) -> str:
    return make_visible(cut_text(case.name, NAME_LENGTH))


def _variables(case: ListedCase) -> list[str]:
    """Return what tells the case apart: names are often mere numbers."""
    shown = []
    for name, value in list(case.variables.items())[:MOST_VARIABLES]:
        text = value if isinstance(value, str) else repr(value)
        shown.append(f"{make_visible(name)}={make_visible(cut_text(text, NAME_LENGTH))}")
    left = len(case.variables) - MOST_VARIABLES
    return [*shown, f"… (+{left})"] if left > 0 else shown


def _case_lines(case: ListedCase, width: int) -> list[_Line]:
    name = _name(case)
    lines = _wrap(name, width, len(name), BOLD)
    for variable in _variables(case):
        lines += _wrap(cut_text(variable, 2 * width), width, 999, DIM)
    return lines


def _answer_lines(answers: Sequence[ListedAnswer], width: int, style: TableStyle) -> list[_Line]:
    """Return a verdict, the answer and the first reason of a column's answers to one case."""
    if not answers:
        return [_Line(text="–")]  # not asked, or not yet
    states = [result_state(answer.passed, answer.wrong) for answer in answers]
    worst = min(states, key=SEVERITY.index)
    answer = answers[states.index(worst)]
    word = WORDS[worst]
    if len(answers) > 1:
        word = f"{word} ({states.count(ResultState.PASS)} of {len(answers)} passed)"
    longest = style.cell_length
    if longest is None:
        longest = PASSED_LENGTH if worst == ResultState.PASS else FAILED_LENGTH
    text = make_visible(cut_text(answer.shown, longest))
    if answer.finish_reason in UNFINISHED:
        text = f"{text} [{answer.finish_reason}]"
    lines = _wrap(f"{word}  {text}" if text else word, width, len(word), COLOURS[worst])
    reason = _find_reason(answer, worst)
    if reason:
        lines += _wrap(f"→ {make_visible(cut_text(reason, longest))}", width)
    return lines


def _find_reason(answer: ListedAnswer, state: ResultState) -> str:
    if state == ResultState.ERROR:
        return answer.wrong
    if state != ResultState.FAIL:
        return ""
    # With a threshold a case may fail although each of its assertions has passed.
    reason = first_failure(read_components(answer.components_text))
    return reason or f"the score {answer.score or 0:.2f} is below the threshold of the case"


def _wrap(text: str, width: int, styled: int = 0, style: str = "") -> list[_Line]:
    """Return a text in lines; its first characters have a style, on as many lines as they take."""
    lines = []
    for line in wrap_text(text, width):
        count = min(len(line), styled)
        lines.append(_Line(text=line, styled=count, style=style))
        # The blank at which a line breaks is in none of them.
        styled = max(0, styled - len(line) - 1)
    return lines


def _colour(text: str, code: str, style: TableStyle) -> str:
    if not style.has_colour:
        return text
    return f"\x1b[{code}m{text.rstrip(chr(10))}\x1b[0m" + ("\n" if text.endswith("\n") else "")
