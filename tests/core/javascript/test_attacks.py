"""Each attack ends at its limit, whoever runs it lives on, and the next program is untouched."""

import pytest

from core import bounded
from core.javascript import JavaScriptError, Kind, Program, run
from tests.core.javascript.attacks import ATTACKS, HARMLESS

CLEAN = ["undefined", "1,2", "[object Object]", "undefined", 3]


@pytest.mark.parametrize(("body", "ending"), [pytest.param(*row[1:], id=row[0]) for row in ATTACKS])
def test_attack(body: str, ending: object) -> None:
    program = Program(kind=Kind.BODY, source=body)
    if isinstance(ending, type):
        with pytest.raises(JavaScriptError) as raised:
            run(program)
        assert type(raised.value) is ending
        assert 0 < len(str(raised.value)) < 3000
    else:
        returned = run(program)
        assert returned.value == ending
        assert sum(map(len, returned.lines)) <= 10_000
        assert len(returned.lines) <= 200
    assert run(HARMLESS, [[1, 2, 3]]).value == CLEAN


def test_there_are_forty() -> None:
    assert len(ATTACKS) >= 40
    assert len({name for name, _body, _ending in ATTACKS}) == len(ATTACKS)


def test_memory_stays() -> None:
    """A worker that has run ten thousand programs is as large as after the first thousand."""
    sizes = []
    for _call in range(40):
        size, worker = bounded.call("tests.core.javascript.flat:run_many", 250, seconds=20)
        sizes.append(size)
    assert worker == bounded.call("tests.core.javascript.flat:run_many", 1)[1]
    assert sizes[-1] - sizes[3] < 4_000  # kilobytes
