"""Judges over real HTTP: what they are told, what they may say, and what nobody can tell them."""

import asyncio
import json
from contextlib import closing
from dataclasses import replace
from decimal import Decimal

import pytest

from evaluations.engine.grader_models import ModelServices, UsageMeter
from evaluations.engine.providers import Limits, Price, ProviderSpec, make
from evaluations.engine.scorers import Context, grade
from evaluations.engine.scorers.judge import fenced
from evaluations.engine.types import Answer, Assertion, Message
from tests.evaluations.judge.injections import INJECTIONS
from tests.support.fake_models import FakeModels, Step

NO = {"reason": "it is wrong", "pass": False, "score": 0.1}
RUBRIC = Assertion(type="llm-rubric", value="names the capital of France")


def judged(fake, answer, assertion=RUBRIC, *, tally=None, price=None, **context):
    """Return the grade of an answer by a judge that is scripted."""
    spec = ProviderSpec(
        kind="openai-compatible",
        model="judge",
        base_url=f"{fake.url}/v1",
        limits=Limits(retries=0, timeout_seconds=5),
        price=price,
    )
    found = []

    async def run():
        services = ModelServices(
            judge="j", embeddings="j", find=lambda _name: spec, make=lambda one: make(one, {})
        )
        found.append(UsageMeter(services))
        try:
            return await grade(
                [assertion], Answer(text=answer), Context(services=found[0], **context)
            )
        finally:
            await services.close()

    result = asyncio.run(run())
    if tally is not None:
        tally.append(found[0])
    return result


def told(fake) -> str:
    return fake.requests[-1][2]["messages"][-1]["content"]


@pytest.mark.parametrize("answer", INJECTIONS, ids=range(len(INJECTIONS)))
@pytest.mark.parametrize("verdict", [NO, {"reason": "right", "pass": True, "score": 0.9}])
def test_no_answer_changes_the_verdict(answer, verdict):
    reply = json.dumps(verdict)
    with closing(FakeModels(answer=reply)) as fake:
        found = judged(fake, answer)
        said = told(fake)
    assert (found.passed, found.score) == (verdict["pass"], verdict["score"])
    # It stands whole within its marks, and what ends the fence stands nowhere in it.
    assert said.count(fenced("answer", answer)) == 1
    end = fenced("answer", answer).rpartition("\n")[2]
    assert said.count(end) == 1
    assert end not in answer


@pytest.mark.parametrize("answer", INJECTIONS, ids=range(len(INJECTIONS)))
def test_a_judge_that_quotes_the_answer_gives_its_own_verdict_or_none(answer):
    quoting = json.dumps({"reason": f"It says: {answer}", "pass": False, "score": 0})
    with closing(FakeModels(answer=quoting)) as fake:
        assert judged(fake, answer).passed is False
    for reply in (f"{answer}\n{json.dumps(NO)}", f"{json.dumps(NO)}\n{answer}", answer):
        with closing(FakeModels(answer=reply)) as fake:
            found = judged(fake, answer)
        assert (found.passed, found.score) == (None, None)
        assert "the judge" in found.error


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        ("yes", "did not reply with a single JSON object: yes"),
        ("[]", "did not reply with a single JSON object"),
        ('{"pass": true}', "lacks score"),
        ('{"score": 1}', "lacks pass"),
        ('{"pass": "true", "score": 1}', "true or false"),
        ('{"pass": true, "score": "1"}', "must be a number"),
        ('{"pass": true, "score": true}', "must be a number"),
        ('{"pass": true, "score": NaN}', "must be a number"),
        (f'{{"pass": true, "score": 1{"0" * 400}}}', "must be a number, not 1000"),
        (f'{{"pass": true, "score": 1{"0" * 9000}}}', "did not reply with a single JSON object"),
        ('{"pass": true, "score": 1e400}', "must be a number"),
        ('{"pass": true, "score": 2}', "between 0 and 1"),
        ('{"pass": true, "score": -0.1}', "between 0 and 1"),
        ('{"pass": true, "pass": false, "score": 1}', "did not reply with a single JSON object"),
        ('{"pass": true, "score": 1, "extra": 1}', "unexpected key: extra"),
        ('{"pass": true, "score": 1, "reason": 7}', "reason must be a string"),
        (
            '{"pass": true, "score": 1} {"pass": true, "score": 1}',
            "did not reply with a single JSON object",
        ),
        ("[" * 100_000, "did not reply with a single JSON object"),
    ],
)
def test_what_is_no_verdict_is_an_error(reply, sentence):
    with closing(FakeModels(answer=reply)) as fake:
        found = judged(fake, "Paris")
    assert (found.passed, found.score) == (None, None)
    assert sentence in found.error


def test_a_code_block_around_the_whole_reply_is_taken_off():
    with closing(FakeModels(answer=f"```json\n{json.dumps(NO)}\n```\n")) as fake:
        assert judged(fake, "Paris").passed is False


@pytest.mark.parametrize(("threshold", "passed"), [(0.6, True), (0.7, True), (0.71, False)])
def test_a_threshold_is_on_top_of_the_judges_opinion(threshold, passed):
    with closing(FakeModels(answer='{"pass": true, "score": 0.7}')) as fake:
        found = judged(fake, "Paris", replace(RUBRIC, threshold=threshold))
    assert (found.passed, found.score) == (passed, 0.7)


def test_not_turns_the_verdict():
    with closing(FakeModels(answer=json.dumps(NO))) as fake:
        found = judged(fake, "Paris", replace(RUBRIC, negated=True))
    assert found.passed is True
    assert found.score == pytest.approx(0.9)


def test_calls_are_counted_and_paid():
    price = Price(input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(2))
    tallies = []
    with closing(FakeModels(answer=json.dumps(NO))) as fake:
        judged(fake, "Paris", tally=tallies, price=price)
    assert tallies[0].calls == 1
    assert tallies[0].cost_usd == Decimal("0.00002")


def test_a_judge_that_does_not_answer_is_an_error_of_the_case():
    with closing(FakeModels(Step(status=500, body="x"))) as fake:
        found = judged(fake, "Paris")
    assert found.passed is None
    assert "failed (500)" in found.error


def test_a_wrong_key_is_told_to_the_run():
    tallies = []
    with closing(FakeModels(Step(status=401, body="x"))) as fake:
        judged(fake, "Paris", tally=tallies)
    assert "rejected the API key" in tallies[0].setup_error


@pytest.mark.parametrize(
    ("letter", "passed"), [*zip("ABCDE", [True, True, True, False, True], strict=True)]
)
def test_factuality(letter, passed):
    assertion = Assertion(type="factuality", value="Paris is the capital")
    reply = json.dumps({"reason": "", "category": letter})
    with closing(FakeModels(answer=reply)) as fake:
        found = judged(
            fake, "Paris", assertion, messages=(Message(role="user", content="capital?"),)
        )
        assert fenced("question", "user: capital?") in told(fake)
    assert found.passed is passed
    assert found.grades[0].outcome.reason


def test_factuality_takes_one_of_five_letters():
    assertion = Assertion(type="factuality", value="Paris is the capital")
    with closing(FakeModels(answer='{"category": "F"}')) as fake:
        assert "one of A, B, C, D, E" in judged(fake, "Paris", assertion).error


def test_closed_question():
    assertion = Assertion(type="model-graded-closedqa", value="is polite")
    with closing(FakeModels(answer='{"pass": true, "reason": "it is"}')) as fake:
        found = judged(fake, "Please!", assertion)
    assert (found.passed, found.score) == (True, 1.0)


FIRST, SECOND, TIE = "first", "second", "tie"


@pytest.mark.parametrize(
    ("said_first", "said_second", "score", "passed"),
    [
        (FIRST, SECOND, 1.0, True),
        (SECOND, FIRST, 0.0, False),
        (TIE, TIE, 0.5, True),
        (FIRST, FIRST, 0.5, True),  # it favours a place: no opinion
        (SECOND, SECOND, 0.5, True),
        (FIRST, TIE, 0.75, True),
        (SECOND, TIE, 0.25, False),
    ],
)
def test_pairwise_asks_in_both_orders(said_first, said_second, score, passed):
    def judge(body):
        text = body["messages"][-1]["content"]
        mine_first = text.index(fenced("first", "mine")) if fenced("first", "mine") in text else 0
        return json.dumps({"reason": "r", "better": said_first if mine_first else said_second})

    assertion = Assertion(type="pairwise", value="reference")
    tallies = []
    with closing(FakeModels(answer=judge)) as fake:
        found = judged(fake, "mine", assertion, tally=tallies)
        texts = [one[2]["messages"][-1]["content"] for one in fake.requests]
    assert (found.score, found.passed) == (score, passed)
    assert tallies[0].calls == 2
    assert sorted(fenced("second", "mine") in text for text in texts) == [False, True]


@pytest.mark.parametrize("better", [["first"], {}, None, 1, "First"])
def test_pairwise_takes_one_of_three_words(better):
    assertion = Assertion(type="pairwise", value="reference")
    with closing(FakeModels(answer=json.dumps({"reason": "r", "better": better}))) as fake:
        found = judged(fake, "mine", assertion)
    assert (found.passed, found.score) == (None, None)
    assert "the judge's better must be one of first, tie, second" in found.error


def test_where_one_order_fails_the_other_is_paid_all_the_same():
    price = Price(input_usd_per_million=Decimal(1), output_usd_per_million=Decimal(2))
    assertion = Assertion(type="pairwise", value="reference")
    tallies = []
    steps = Step(status=413, body="no"), Step(delay_seconds=0.3)
    with closing(FakeModels(*steps, answer='{"better": "tie"}')) as fake:
        found = judged(fake, "mine", assertion, tally=tallies, price=price)
    assert "rejected the request (413): no" in found.error
    assert tallies[0].cost_usd == Decimal("0.00002")


VECTORS = {"a": [1.0, 0.0], "b": [0.6, 0.8], "c": [0.0, 1.0], "zero": [0.0, 0.0]}


@pytest.mark.parametrize(
    ("kind", "value", "threshold", "passed", "score"),
    [
        ("similar", "b", 0.6, True, 0.6),
        ("similar", "b", None, False, 0.6),
        ("similar", ["c", "b"], 0.5, True, 0.6),
        ("not-similar", "b", 0.7, True, 0.4),
        ("similar:cosine", "b", 0.6, True, 0.6),
        ("not-similar:cosine", "b", 0.7, True, 0.4),
        ("similar:dot", "b", 0.5, True, 0.6),
        ("similar:euclidean", "a", 0.0, True, 1.0),
        ("similar:euclidean", "c", 1.0, False, 1 / (1 + 2**0.5)),
    ],
)
def test_similar(kind, value, threshold, passed, score):
    base = kind.removeprefix("not-")
    assertion = Assertion(type=base, negated=base != kind, value=value, threshold=threshold)
    with closing(FakeModels()) as fake:
        fake.vectors = VECTORS
        found = judged(fake, "a", assertion)
    assert found.passed is passed
    assert found.score == pytest.approx(score)


def test_similar_of_nothing_is_an_error():
    with closing(FakeModels()) as fake:
        fake.vectors = VECTORS
        assert "no direction" in judged(fake, "zero", Assertion(type="similar", value="a")).error


@pytest.mark.parametrize("kind", ["similar", "similar:dot", "similar:euclidean"])
@pytest.mark.parametrize("vector", [[1e308, 1e308], [1e308, -1e308, 1e308, 1e308]])
def test_similar_of_numbers_that_are_too_large_is_an_error(kind, vector):
    opposite = [-one for one in vector]
    with closing(FakeModels()) as fake:
        fake.vectors = {"a": vector, "b": opposite}
        found = judged(fake, "a", Assertion(type=kind, value="b"))
    assert "the embeddings contain numbers that are too large to compare" in found.error


@pytest.mark.parametrize("kind", ["llm-rubric", "pairwise", "similar"])
def test_without_a_model_it_is_an_error(kind):
    found = asyncio.run(
        grade([Assertion(type=kind, value="x")], Answer(text="y"), Context(services=None))
    )
    assert found.passed is None
    assert "choose a model" in found.error
