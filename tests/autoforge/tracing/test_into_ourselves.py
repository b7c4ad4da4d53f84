"""Our own sender into our own intake, over real HTTP: what is told of a run arrives as it was."""

import io
from contextlib import closing

import pytest
from django.core.management import call_command
from django.test import override_settings

from autoforge.tracing.destinations import find_destinations
from autoforge.tracing.observer import TraceObserver
from autoforge.tracing.sender import Limits, close_all
from core.access import services as keys
from evaluations import observing
from evaluations.engine.types import Assertion
from evaluations.models import CallRecord
from evaluations.services.planning import Plan, create_run
from evaluations.services.runs import execute_run
from tests.api.gateway import make_prompt
from tests.autoforge.tracing.test_traces import make_cases, make_column
from tests.support.fake_models import FakeModels, Step


@pytest.fixture
def key(transactional_db):
    call_command("sync_roles", stdout=io.StringIO())  # after a test that emptied the tables
    return keys.create_key(name="ourselves", role="Editor", requests_per_minute=0).text


def by_langfuse(url, key):
    """Settings as for Langfuse."""
    return {"LANGFUSE_HOST": url, "LANGFUSE_PUBLIC_KEY": "autoforge", "LANGFUSE_SECRET_KEY": key}


def by_otlp(url, key):
    """Settings as for a collector."""
    headers = (("Authorization", f"Bearer {key}"),)
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": headers}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("choose", [by_langfuse, by_otlp])
def test_a_run_arrives_as_records(live_server, key, choose):
    make_prompt({})
    with (
        override_settings(TRACE_MESSAGES=True, **choose(live_server.url, key)),
        closing(FakeModels(Step(), Step(status=400))) as fake,
    ):
        observer = TraceObserver(find_destinations(), Limits(pause_seconds=0.01))
        unregister = observing.register_observer(observer)
        try:
            check = Assertion(type="contains", value="Aiko")
            plan = Plan(columns=[make_column(fake)], name="nightly")
            run = execute_run(create_run(plan, make_cases(2, check)).pk)
        finally:
            unregister()
            close_all(observer.senders)
    [sender] = observer.senders
    assert (sender.counts.sent, sender.counts.dropped) == (3, 0)  # two calls and the run
    results = {result.error == "": result for result in run.evaluations.get().results.all()}
    good = CallRecord.objects.get(error="")
    bad = CallRecord.objects.exclude(error="").get()
    for record, result in ((good, results[True]), (bad, results[False])):
        assert record.trace_id == run.pk.hex
        assert (record.name, record.provider, record.model) == ("chat small", "openai", "small")
        assert record.parameters == {"temperature": 0.5, "max_tokens": 20}
        assert record.messages == [
            {"role": "user", "content": f"Greet {record.metadata['case'].replace('case', 'Aiko')}."}
        ]
        assert (record.prompt_name, record.prompt_number) == ("support/reply", 1)
        assert record.version.prompt.name == "support/reply"
        assert record.metadata["run"] == str(run.pk)
        assert record.caller == "ourselves"
        assert (record.error, record.output) == (result.error, result.output)
        assert (record.input_tokens, record.output_tokens) == (
            result.input_tokens,
            result.output_tokens,
        )
        assert record.cost_usd == result.cost_usd
    assert good.metadata["score"] == 1.0
