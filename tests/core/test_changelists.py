"""Addresses of lists in the admin: what the list offers is asked, all else is a message."""

import re
from urllib.parse import quote, urlencode

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import ForeignKey
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import autoforge.urls  # noqa: F401 (registers the pages)
from core.changelists import MAX_WORDS, CheckedListMixin
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt

pytestmark = [pytest.mark.django_db, pytest.mark.once]

PAGES = list(admin.site._registry.items())
IDS = [model._meta.label_lower for model, _page in PAGES]
LOOKUPS = [
    *("regex", "iregex", "isnull", "exact", "iexact", "startswith", "icontains", "contains", "in"),
    *("gt", "lte", "range", "year", "date", "year__gte", "0", "has_key", "len"),
]
TRAVERSALS = [
    *("user__password__startswith", "prompt__content__regex", "logentry__user__password__regex"),
    *("suite__cases__expected__regex", "evaluation__run__settings__regex", "groups__name__regex"),
    *("pk__regex", "id__in", "password", "password__startswith", "nothing", "nothing__regex", ""),
    *("e", "_changelist_filters", "state__regex", "q__regex", "created_at__year__gte", "; DROP"),
]  # fmt: skip


def user_of(role):
    if role == "superuser":
        return User.objects.create_superuser(role)
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def ask(page, user, query):
    """Return what a list answers, and the messages beside it; without the middleware's queries."""
    request = RequestFactory().get(f"/admin/x/?{query}")
    request.user, request.session = user, {}
    request._messages = FallbackStorage(request)
    answer = page.changelist_view(request)
    return answer, [str(message) for message in get_messages(request)]


@pytest.mark.parametrize("page", [page for _model, page in PAGES], ids=IDS)
def test_every_list_checks_its_address(page):
    assert isinstance(page, CheckedListMixin)


@pytest.mark.parametrize("role", ["Viewer", "superuser"])
@pytest.mark.parametrize(("model", "page"), PAGES, ids=IDS)
def test_what_is_not_offered_is_a_message_and_no_query(role, model, page):
    user = user_of(role)
    offered = page.find_lookups(RequestFactory().get("/"))
    fields = [field.name for field in model._meta.get_fields()]
    fields += [field.attname for field in model._meta.get_fields() if isinstance(field, ForeignKey)]
    names = fields + TRAVERSALS + [f"{field}__{lookup}" for field in fields for lookup in LOOKUPS]
    if not user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}"):
        with pytest.raises(PermissionDenied):
            ask(page, user, "content__regex=x")
        return
    with CaptureQueriesContext(
        connection,
    ) as queries:
        for name in names:
            if name in offered:
                continue
            answer, said = ask(page, user, urlencode({name: "^(a+)+$"}))
            assert (answer.status_code, answer["Location"]) == (302, "/admin/x/"), name
            assert len(said) == 1
            assert re.match(r"This list has no filter “.*”\. Showing the whole list\.$", said[0])
    assert len(queries) == 0


BAD = [
    *("p=-1", "p=0", "p=abc", "p=999999", "p=9999999999", "p=1.5", "p=%00", "p=", "p=１"),
    *("o=abc", "o=1.x", "o=--1", "o=" + "1." * 200, "o=999", "o=15", "o=2.-99", "o=%00", "e=1"),
    *("_popup=2", "_popup=<script>", "_to_field=password", "_to_field=%00", "_to_field=nothing"),
    *("all=" + "x" * 50, "_facets=" + "x" * 50, "q=" + "x" * 2000, "q=a%00b", "q=" + "a+" * 40),
    *("state=odd", "state=all%00", "state=" + "x" * 400, "a=1&" * 60),
    *("%FF%FE=1", "%ED%A0%80=1", "q__x=1", "content__regex=(a%2B)%2B$&q=x", "status__exact=odd"),
    *("status__isnull=odd", "created_at__year=0", "created_at__year=99999", "created_at__month=1"),
    *("created_at__year=2026&created_at__month=13", "created_at__year=2026&created_at__day=1"),
    *("created_at__year=2026&created_at__month=2&created_at__day=31", "passed__exact=odd"),
    *("prompt__id__exact=odd", "suite__id__exact=odd", "suite__id__exact=%00", "enabled__exact=2"),
    *("groups__id__exact=odd", "is_staff__exact=x"),
    *("provider=a%00b", "provider=" + "x" * 400, "provider__isnull=x"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "page"), PAGES, ids=IDS)
def test_bad_values_are_messages(client, owner, settings, model, page):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for query in BAD:
        answer, said = ask(page, owner, query)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/x/"), query
        assert said, query
    answer = client.get(f"{address}?{BAD[0]}")
    assert (answer.status_code, answer["Location"]) == (302, address)
    page = client.get(address)
    assert page.status_code == 200
    assert "Showing the whole list." in page.content.decode()


@pytest.fixture
def filled(owner):
    prompt = create_prompt(title="Asking", content="x")
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", expected="x")
    return {"prompt": prompt.pk, "suite": suite.pk}


GOOD = [
    ("prompts_prompt", "status__exact=draft&q=x&o=1.-2&p=1&state=all"),
    ("prompts_prompt", "_popup=1&_to_field=id&all="),
    ("prompts_prompt", "q=" + quote("a " * MAX_WORDS)),
    ("prompts_prompt", "status__exact=&q="),
    ("prompts_promptversion", "prompt__id__exact={prompt}"),
    ("evaluations_testcase", "suite__id__exact={suite}&enabled__exact=1"),
    ("evaluations_run", "created_at__year=2026&created_at__month=11&created_at__day=30"),
    ("evaluations_testresult", "passed__exact=1&created_at__year=2026"),
    ("evaluations_modelprofile", "provider=openai"),
    ("auth_user", "is_staff__exact=1&groups__id__exact=1&groups__isnull=True"),
]


@pytest.mark.parametrize(("name", "query"), GOOD)
def test_what_the_list_offers_is_asked(client, owner, settings, filled, name, query):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    answer = client.get(f"{reverse(f'admin:{name}_changelist')}?{query.format(**filled)}")
    assert answer.status_code == 200
    assert "Showing the whole list" not in answer.content.decode()


def test_every_link_of_a_list_is_offered(client, owner, settings, filled):
    """Filters, headings, pages and dates link to addresses that the list itself takes."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    for model, page in PAGES:
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        text = client.get(address).content.decode()
        links = set(re.findall(r'href="\?([^"]*)"', text))
        assert links or not page.get_list_filter(None)
        for link in links:
            answer, said = ask(page, owner, link.replace("&amp;", "&"))
            assert (answer.status_code, said) == (200, []), link


def test_a_message_shows_the_name_and_keeps_a_popup_one(client, owner, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    address = reverse("admin:prompts_prompt_changelist")
    name = quote("<script>alert(1)</script>" * 9)
    answer = client.get(f"{address}?_popup=1&{name}=1", headers={"Accept-Language": "ja"})
    assert answer["Location"] == f"{address}?_popup=1"
    text = client.get(answer["Location"], headers={"Accept-Language": "ja"}).content.decode()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "一覧全体を表示しています" in text


@pytest.mark.parametrize("term", ["x" * 5000, "a " * 2000, "a\0b", "%" * 900])
def test_boxes_that_complete_names_search_short_texts(client, owner, settings, term):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    field = {"app_label": "evaluations", "model_name": "testcase", "field_name": "suite"}
    answer = client.get(reverse("admin:autocomplete"), field | {"term": term})
    assert answer.status_code == 200
    assert answer.json()["results"] == []
