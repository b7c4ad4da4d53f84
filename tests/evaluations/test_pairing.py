"""Which columns of a run and of its baseline are compared, and what is said of the others."""

import pytest

from evaluations.engine.providers import ProviderSpec
from evaluations.engine.types import Assertion, Case
from evaluations.models import Evaluation, Run
from evaluations.reporting import build_report, exit_code, write
from evaluations.selectors.comparisons import pair_columns, remarks_on
from evaluations.services.planning import Plan, PlannedColumn, create_run
from evaluations.services.runs import execute_run
from prompts.services import create_prompt, edit_prompt

pytestmark = pytest.mark.django_db


def make(names, baseline=None, prompts=None):
    """Make a run with a column for each name: a letter for its text, a digit for its model.

    A letter in upper case is a stored prompt, of the version that follows: A2.1 is version 2 of the
    prompt A, asked of model 1.
    """
    run = Run.objects.create(status="completed", baseline=baseline)
    for position, name in enumerate(names):
        text, model = name.split(".")
        fields = {"prompt_text": text}
        if text[0].isupper():
            stored = prompts[text[0]]
            version = stored.versions.get(number=int(text[1:]))
            fields = {"prompt": stored, "version": version}
        Evaluation.objects.create(
            run=run, position=position, label=name, provider="p", model=model, status="completed",
            target={"model": model}, **fields,
        )  # fmt: skip
    return run


PAIRS = [
    # baseline, run → pairs, new without a partner, old without one
    ("a.1 b.1 a.2 b.2", "a.1 b.1 a.2 b.2", "a.1=a.1 b.1=b.1 a.2=a.2 b.2=b.2", "", ""),
    ("a.1 a.2 b.1 b.2", "b.2 b.1 a.2 a.1", "b.2=b.2 b.1=b.1 a.2=a.2 a.1=a.1", "", ""),
    ("a.1", "a.1 b.1", "a.1=a.1", "b.1", ""),
    ("a.1 b.1", "a.1", "a.1=a.1", "", "b.1"),
    ("a.1", "b.1 a.1", "a.1=a.1", "b.1", ""),
    ("a.1 b.1", "c.1 b.1", "a.1=c.1 b.1=b.1", "", ""),  # edited in its place
    ("a.1 a.2", "c.1 c.2", "a.1=c.1 a.2=c.2", "", ""),
    ("a.1 a.2", "c.2 c.1", "a.2=c.2 a.1=c.1", "", ""),  # the model counts before the place
    ("a.1", "a.2", "a.1=a.2", "", ""),  # another model in its place
    ("a.1 b.2", "b.2 c.3", "b.2=b.2", "c.3", "a.1"),
    ("A1.1 B1.1", "B1.1 A2.1", "B1.1=B1.1 A1.1=A2.1", "", ""),
    ("A1.1 A2.1", "A2.1", "A2.1=A2.1", "", "A1.1"),
    ("A1.1", "B1.1", "", "B1.1", "A1.1"),  # two stored prompts are no edits of each other
    ("A1.1 A1.2", "A2.1 A2.2", "A1.1=A2.1 A1.2=A2.2", "", ""),
    ("a.1 a.1", "a.1 a.1 a.1", "a.1=a.1 a.1=a.1", "a.1", ""),
]


@pytest.mark.parametrize(("old", "new", "pairs", "only_new", "only_old"), PAIRS)
def test_columns_pair_by_text_and_model_then_by_place(old, new, pairs, only_new, only_old):
    prompts = {}
    for name in ("A", "B"):
        prompts[name] = create_prompt(title=name, name=name.lower(), content=f"{name} one")
        edit_prompt(prompt_id=prompts[name].pk, content=f"{name} two")
    baseline = make(old.split(), prompts=prompts)
    run = make(new.split(), baseline=baseline, prompts=prompts)
    pairing = pair_columns(run, list(run.evaluations.order_by("position")))
    assert [f"{one.label}={other.label}" for one, other in pairing.pairs] == pairs.split()
    assert [row.label for row in pairing.only_new] == only_new.split()
    assert [row.label for row in pairing.only_old] == only_old.split()


def test_the_same_text_pairs_by_its_settings_whatever_their_order():
    def of(*targets, baseline=None):
        run = Run.objects.create(status="completed", baseline=baseline)
        for position, target in enumerate(targets):
            Evaluation.objects.create(
                run=run, position=position, prompt_text="a", provider="p", model="m", target=target
            )
        return run, list(run.evaluations.order_by("position"))

    cold, warm = {"top_p": 1, "temperature": 0}, {"top_p": 1, "temperature": 1}
    baseline, old = of(cold, warm)
    run, new = of({"temperature": 1, "top_p": 1}, {"temperature": 0, "top_p": 1}, baseline=baseline)
    assert pair_columns(run, new).pairs == [(old[1], new[0]), (old[0], new[1])]


def test_a_baseline_s_columns_are_taken_in_their_order():
    baseline = make(["a.1"] * 6)
    for row in baseline.evaluations.all():  # stored in another order than that of their places
        Evaluation.objects.filter(pk=row.pk).update(position=15 - row.position)
    run = make(["a.1"] * 6, baseline=baseline)
    pairs = pair_columns(run, list(run.evaluations.order_by("position"))).pairs
    assert [old.position for old, _new in pairs] == list(range(10, 16))


def test_without_a_baseline_the_first_column_is_it():
    run = make(["a.1", "b.1", "a.2"])
    rows = list(run.evaluations.order_by("position"))
    assert pair_columns(run, rows).pairs == [(rows[0], rows[1]), (rows[0], rows[2])]
    assert remarks_on(run, rows) == []


def run_of(texts, models, baseline=None):
    columns = [
        PlannedColumn(spec=ProviderSpec(kind="echo", label=model), text=text)
        for text in texts
        for model in models
    ]
    check = (Assertion(type="contains", value="GOOD"),)
    cases = [
        (None, Case(name=str(number), variables={"n": number}, assertions=check))
        for number in range(12)
    ]
    return execute_run(create_run(Plan(columns=columns, baseline=baseline), cases).pk)


@pytest.mark.django_db(transaction=True)  # a run writes from threads of its own
def test_a_second_run_of_the_same_is_no_worse():
    texts, models = ("GOOD answer to {{n}}", "bad answer to {{n}}"), ("one", "two")
    first = run_of(texts, models)
    again = build_report(run_of(texts, models, baseline=first))
    assert [one.verdict.code for one in again.verdicts] == ["same"] * 4
    assert [one.verdict.worse for one in again.verdicts] == [False] * 4
    assert not again.remarks


@pytest.mark.django_db(transaction=True)  # a run writes from threads of its own
def test_what_has_no_partner_is_said():
    first = run_of(("GOOD {{n}}",), ("one",))
    report = build_report(run_of(("GOOD {{n}}", "other {{n}} GOOD"), ("one",), baseline=first))
    (remark,) = report.remarks
    assert "other {{n}} GOOD" in remark
    assert "has no matching column in the baseline run and is not compared" in remark
    for kind in ("table", "markdown", "json", "html"):
        text = " ".join("".join(write(report, kind)).split())
        assert "has no matching column in the baseline run" in text, kind
    assert exit_code(report) == 0
