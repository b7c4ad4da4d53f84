"""JSON that no database can hold is refused at its field, in the admin and everywhere else."""

import pytest
from django.core.exceptions import ValidationError

from core.validators import validate_json_document, validate_tags
from evaluations.models import TestSuite
from prompts.models import Prompt, PromptTemplate

BAD = {
    "nan": ('{"a": NaN}', "contains nan, which is not a valid JSON number"),
    "infinity": ('{"a": [-Infinity]}', "contains -inf, which is not a valid JSON number"),
    "deep": ('{"a": ' + "[" * 150 + "]" * 150 + "}", "is nested more than 100 levels deep"),
    "very deep": ('{"a": ' + "[" * 99_999 + "]" * 99_999 + "}", "nested too deeply"),
    "digits": ('{"a": ' + "9" * 1300 + "}", "a number with more than 1,200 digits"),
    "more digits": ('{"a": ' + "9" * 5000 + "}", "a number with more than 1,200 digits"),
    "surrogate": (r'{"a": "\ud800"}', "half of a surrogate pair"),
    "surrogate name": (r'{"\udfff": 1}', "half of a surrogate pair"),
    "nul": (r'{"a": "\u0000"}', "NUL character"),
    "not json": ('{"a": }', "Invalid JSON"),
}
PAGES = {
    "/admin/prompts/prompt/add/": (
        {"title": "t", "content": "c", "kind": "text", "syntax": "plain", "status": "draft"},
        "metadata",
        False,
    ),
    "/admin/prompts/prompttemplate/add/": ({"name": "n", "content": "c"}, "parameters", True),
    "/admin/evaluations/testcase/add/": ({"name": "n", "weight": "1"}, "variables", False),
}


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", BAD)
def test_the_admin_says_so_at_the_field(client, owner, page, name):
    client.force_login(owner)
    fields, field, is_list = PAGES[page]
    text, sentence = BAD[name]
    answer = client.post(page, fields | {field: f"[{text}]" if is_list else text})
    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors[field]
    assert sentence in " ".join(errors)
    assert not any(model.objects.exists() for model in (Prompt, PromptTemplate, TestSuite))


@pytest.mark.parametrize("value", [{"a": [1, None, "日本語", 2**4000]}, [], {"x": {"y": [[[]]]}}])
def test_what_a_database_can_hold(value):
    validate_json_document(value)


@pytest.mark.parametrize("tag", ["a,b", "a、b", "a，b", "a\nb"])
def test_a_tag_has_no_comma(tag):
    with pytest.raises(ValidationError, match="cannot contain commas"):
        validate_tags([tag])
