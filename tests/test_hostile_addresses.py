"""Every address of the admin with hostile keys, parameters and forms: never an error of ours."""

import io
import re
from itertools import cycle
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.urls import URLResolver, get_resolver

from evaluations.engine.providers import ProviderSpec
from evaluations.models import ModelProfile
from evaluations.services.planning import Plan, PlannedColumn, create_run, load_cases
from evaluations.services.runs import execute_run
from evaluations.services.suites import create_case, create_suite
from prompts.interface import get_prompt_text
from prompts.models import LabelRule
from prompts.services import create_prompt, create_template

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = [
    *("0", "x", "%00", "_00_", "9" * 26, "%ED%A0%80", "a" * 300, "-1", "%F0%9F%98%80", "..%2F"),
    "00000000-0000-0000-0000-000000000000",
]
VALUES = [
    *(
        "\0",
        "9" * 26,
        "x" * 5000,
        "²",
        "[[[[",
        "1",
        "-1",
        "nan",
        "1e400",
        "１２３",
        "{{ x }}",
        "{}",
    ),
    *("null", "%", "'", "\u2028", "00000000-0000-0000-0000-000000000000"),
]
# Parameters and fields of our pages and of Django's, all at once.
NAMES = """
p q o e page all number left right from to version versions label format kind suite prompt prompts
provider providers run state term app_label model_name field_name content variables syntax values
messages reason name action _selected_action select_across index repeats others object_id key case
column filter show sort cursor after before offset limit id ids next template baseline other
position passed comment max_cost_usd max_calls max_seconds _to_field _popup file dry_run mapping
assertion title tags metadata status expected_version judge embeddings start preview language
user_id description change_note _changelist_filters note a b answer result created_at__year
""".split()  # noqa: SIM905 (a table of words)


def find_addresses(resolver, before=""):
    for pattern in resolver.url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from find_addresses(pattern, address)
        elif address.startswith("admin/") and "(?P" not in address and "log" not in address:
            yield f"/{address}"


@pytest.fixture
def keys(owner):
    """Return a key of each table that has pages."""
    call_command("sync_roles", stdout=io.StringIO())  # tests like these empty the tables
    prompt = create_prompt(title="P", content="x")
    suite = create_suite(name="S")
    checks = [{"type": "contains", "value": "x"}]
    case = create_case(suite_id=suite.pk, name="a", variables={"a": "b"}, assertions=checks)
    text = get_prompt_text(prompt_id=prompt.pk)
    column = PlannedColumn(spec=ProviderSpec(kind="echo"), prompt=text)
    run = create_run(Plan(columns=[column], suite=suite, user=owner), load_cases(suite.pk))
    execute_run(run.pk)
    evaluation = run.evaluations.get()
    return {
        "prompts/prompt": prompt.pk,
        "prompts/promptversion": prompt.versions.get().pk,
        "prompts/prompttemplate": create_template(name="T", content="c").pk,
        "prompts/labelrule": LabelRule.objects.create(label="own").pk,
        "evaluations/testsuite": suite.pk,
        "evaluations/testcase": case.pk,
        "evaluations/run": run.pk,
        "evaluations/evaluation": evaluation.pk,
        "evaluations/testresult": evaluation.results.get().pk,
        "evaluations/modelprofile": ModelProfile.objects.create(name="m", provider="echo").pk,
        "auth/user": owner.pk,
        "auth/group": Group.objects.get(name="Viewer").pk,
    }


def fill(address, key):
    return re.sub(r"<(?:\w+:)?\w+>", str(key), address)


def requests_of(role, keys):
    """Yield method, address and form: the real key with odd parameters, and odd keys."""
    odd_keys, values = cycle(KEYS), cycle(VALUES)
    for address in find_addresses(get_resolver()):
        table = "/".join(address.split("/")[2:4])
        real, value = fill(address, keys.get(table, 1)), next(values)
        yield "get", f"{real}?{'&'.join(f'{name}={quote(value)}' for name in NAMES)}", {}
        if role != "Viewer":
            yield "post", real, dict.fromkeys(NAMES, value)
        if role == "owner" and "<" in address:
            yield "get", fill(address, next(odd_keys)), {}
            yield "delete", real, {}


@pytest.mark.parametrize("role", ["Viewer", "Editor", "owner"])
def test_no_address_is_an_error_of_ours(client, owner, settings, keys, role):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    user = owner
    if role != "owner":
        user = User.objects.create_user(role, is_staff=True)
        user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    asked = 0
    for method, address, form in requests_of(role, keys):
        answer = getattr(client, method)(address, form)  # an exception fails the test
        assert answer.status_code < 500, (method, address[:300])
        asked += 1
    assert asked > 100


@pytest.mark.django_db
def test_the_way_to_the_site_refuses_keys_that_are_none(client, owner, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    for key in (*KEYS, "1"):
        for address in (f"/admin/r/1/{key}/", f"/admin/r/{key}/1/", f"/admin/r/{key}/{key}/"):
            assert client.get(address).status_code == 404, address
