"""What does not fit between cases and prompts is said before anything is asked."""

import json

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import translation

from evaluations import fit
from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.fit import Misfit, Survey, list_misfits
from evaluations.models import Run
from evaluations.services.planning import PlannedColumn
from evaluations.services.suites import create_case, create_suite
from evaluations.stored import StoredMisfit
from prompts.interface import find_prompt
from prompts.services import create_prompt

CHECK = Assertion(type="contains", value="{{topic}}")
ECHO = ProviderSpec(kind="echo")


def stored(*variables):
    content = "Say " + " ".join(f"{{{{{name['name']}}}}}" for name in variables)
    create_prompt(
        title="P", name="p", content=content, syntax="mustache", variables=list(variables)
    )
    return PlannedColumn(spec=ECHO, prompt=find_prompt("p:1"))


def told(column, *cases):
    survey = Survey()
    for variables in cases:
        survey.add(Case(name="c", variables=variables, assertions=(CHECK,)))
    return [(misfit.code, misfit.params.get("names")) for misfit in survey.misfits([column])]


NAME, TONE = {"name": "name"}, {"name": "tone", "required": False, "default": "kind"}
STORED = [
    ([NAME], [{"name": "x"}, {"name": "y"}], []),
    ([NAME], [{"name": "x"}, {}], [("missing", "“name”")]),
    ([NAME], [{"nmae": "x"}], [("missing", "“name”"), ("unused", "“nmae”")]),
    ([NAME, TONE], [{"name": "x"}], []),  # it has a default
    ([NAME], [{"name": "x", "more": 1}], [("unused", "“more”")]),
    ([NAME], [{"name": "x", "topic": 1}], []),  # an assertion uses it
    ([], [{f"v{n}": n for n in range(8)}], [("unused", "“v0”, “v1”, “v2”, “v3”, “v4” (+3)")]),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("variables", "cases", "expected"), STORED)
def test_variables_of_a_stored_prompt(variables, cases, expected):
    assert told(stored(*variables), *cases) == expected


@pytest.mark.django_db
def test_messages_for_a_placeholder_are_used_and_not_required():
    placeholder = {"type": "placeholder", "name": "history"}
    content = json.dumps([placeholder, {"role": "user", "content": "{{ name }}"}])
    create_prompt(
        title="P", name="p", content=content, kind="chat", syntax="mustache", variables=[NAME]
    )
    column = PlannedColumn(spec=ECHO, prompt=find_prompt("p:1"))
    case = {"name": "x", "history": []}
    assert told(column, case, {"name": "x"}) == []
    assert told(column, case | {"hsitory": []}) == [("unused", "“hsitory”")]


FILE = [
    ("Say {{name}}", [{"name": "x"}, {}], []),  # empty for some is usual in promptfoo
    ("Say {{name}}", [{"nmae": "x"}], [("never-given", "“name”")]),
    ("Say {{env.HOME}}", [{}], []),
    ("Say", [{"x": 1}], []),
]


@pytest.mark.parametrize(("text", "cases", "expected"), FILE)
def test_variables_of_a_file_s_prompt(text, cases, expected):
    assert told(PlannedColumn(spec=ECHO, text=text), *cases) == expected


@pytest.mark.django_db
def test_only_cases_that_a_column_asks_count():
    survey = Survey()
    survey.add(Case(name="a", variables={"name": 1}, assertions=(CHECK,), columns=(0,)))
    survey.add(Case(name="b", variables={}, assertions=(CHECK,), columns=(1,)))
    column = stored(NAME)
    assert [(one.code, one.params["count"]) for one in survey.misfits([column, column])] == [
        ("missing", 1)
    ]


@pytest.mark.django_db
def test_what_is_missing_is_counted_over_the_cases_of_the_column():
    column = stored(NAME, {"name": "city"}, TONE)
    survey = Survey()
    for variables in ({"name": 1, "city": 1}, {"name": 1}, {"city": 1}, {"name": 1}):
        survey.add(Case(name="c", variables=variables, assertions=(CHECK,)))
    survey.add(Case(name="other", variables={"tone": 1}, assertions=(CHECK,), columns=(1,)))
    (misfit,) = survey.misfits([column])
    assert misfit.params == {
        "column": "p v1 · echo", "names": "“name”, “city”", "count": 2, "cases": 4
    }  # fmt: skip
    assert str(misfit) == (
        "“p v1 · echo” requires “name”, “city”, which 2 of 4 cases do not provide; "
        "these cases will be errors."
    )
    assert [one.params["cases"] for one in survey.misfits([column, column])] == [4, 5]
    assert survey.misfits([]) == []


@pytest.mark.django_db
def test_a_column_that_no_case_asks_misses_nothing():
    survey = Survey()
    survey.add(Case(name="a", variables={"nmae": 1}, assertions=(CHECK,), columns=(1,)))
    assert survey.misfits([stored(NAME)]) == []


@pytest.mark.django_db
def test_a_variable_is_used_where_any_assertion_names_it():
    survey = Survey()
    for value in ("nothing", "{{ more }}", "nothing"):
        check = Assertion(type="contains", value=value)
        variables = {"name": 1, "more": 1, "rest": 1}
        survey.add(Case(name="c", variables=variables, assertions=(check,)))
    (misfit,) = survey.misfits([stored(NAME)])
    assert (misfit.code, misfit.params) == (
        "unused", {"column": "p v1 · echo", "names": "“rest”"}
    )  # fmt: skip


@pytest.mark.django_db
def test_kinds_of_cases_beyond_the_limit_are_not_remembered(monkeypatch):
    monkeypatch.setattr(fit, "DISTINCT_SHAPES", 2)
    survey = Survey()
    for variables in ({"name": 1}, {}, {"name": 1, "late": 1}, {"name": 1}, {}):
        survey.add(Case(name="c", variables=variables, assertions=(CHECK,)))
    (misfit,) = survey.misfits([stored(NAME)])
    assert misfit.params["names"] == "“name”"
    assert (misfit.params["count"], misfit.params["cases"]) == (2, 4)


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, "“v0”"),
        (5, "“v0”, “v1”, “v2”, “v3”, “v4”"),
        (6, "“v0”, “v1”, “v2”, “v3”, “v4” (+1)"),
    ],
)
def test_five_names_are_shown(count, names):
    text = " ".join(f"{{{{v{number}}}}}" for number in range(count))
    assert told(PlannedColumn(spec=ECHO, text=text), {"x": 1}) == [("never-given", names)]


def test_of_a_text_what_no_case_gives_is_said_by_name():
    column = PlannedColumn(spec=ECHO, text="{{ a }} {{ b }} {{ env.HOME }}", label="L")
    survey = Survey()
    survey.add(Case(name="c", variables={"b": 1}, assertions=(CHECK,)))
    (misfit,) = survey.misfits([column])
    assert str(misfit) == "“L” uses “a”, which no case provides; it will be empty."


@pytest.mark.parametrize(
    ("case", "unchecked"),
    [
        ({"assertions": (CHECK,)}, 1),
        ({"assertions": (CHECK,), "threshold": 0.5}, 1),
        ({"assertions": (CHECK,), "threshold": 0}, 2),  # every score reaches it
        ({"assertions": (Assertion(type="contains", value="x", weight=0),)}, 2),
    ],
)
def test_a_check_that_cannot_fail_is_none(case, unchecked):
    survey = Survey()
    survey.add(Case(name="checked", assertions=(CHECK,)))
    survey.add(Case(name="unchecked"))
    survey.add(Case(name="c", **case))
    (misfit,) = survey.misfits([])
    assert (misfit.code, misfit.params) == ("unchecked", {"count": unchecked, "cases": 3})
    assert str(misfit).startswith(f"{unchecked} of 3 cases have no check that can fail")


@pytest.mark.parametrize(
    ("cases", "code"),
    [
        ([(CHECK,), (CHECK,)], []),
        ([(CHECK,), ()], ["unchecked"]),
        ([(), ()], ["nothing-checked"]),
    ],
)
def test_cases_without_a_check_are_counted(cases, code):
    survey = Survey()
    for assertions in cases:
        survey.add(Case(name="c", assertions=assertions))
    assert [misfit.code for misfit in survey.misfits([])] == code


@pytest.mark.django_db(transaction=True)
def test_commands_and_pages_say_it_before_anything_is_asked(admin_client, capsys):
    suite = create_suite(name="S")
    checks = [{"type": "contains", "value": "x"}]
    create_case(suite_id=suite.pk, name="a", variables={"name": "x"}, assertions=checks)
    create_case(suite_id=suite.pk, name="b", variables={"nmae": "x"})
    stored(NAME)
    call_command("evaluate", "--suite", "S", "--prompt", "p:1", "--provider", "echo", "--estimate")
    said = capsys.readouterr().err
    assert "Warning: 1 of 2 cases have no check that can fail" in said
    assert "requires “name”, which 1 of 2 cases do not provide; these cases" in said
    form = {"suite": suite.pk, "others": "p:1", "providers": "echo", "repeats": 1, "estimate": 1}
    page = admin_client.post(reverse("admin:evaluations_run_add"), form)
    assert "requires “name”, which 1 of 2 cases" in page.text
    assert not Run.objects.exists()


def test_a_run_s_misfits_are_said_in_the_reader_s_language():
    misfit = Misfit(code="unchecked", params={"count": 1, "cases": 2})
    (again,) = list_misfits([misfit.as_stored(), StoredMisfit(code="of a later version")])
    assert again == misfit
    with translation.override("ja"):
        assert "2 件" in str(again)
