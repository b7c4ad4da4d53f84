"""Rules of labels: written, changed and removed by services and on their page."""

import pytest
from django.urls import reverse

from core.errors import InvalidInputError, NotFoundError
from prompts import services
from prompts.models import LabelRule

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_rules_yet():
    LabelRule.objects.all().delete()  # a migration makes that of production


def demands() -> list[tuple[str, bool, bool]]:
    rows = LabelRule.objects.order_by("label")
    return list(rows.values_list("label", "is_protected", "needs_checks"))


def test_a_rule_is_written_changed_and_removed():
    rule = services.create_label_rule(label="production", is_protected=True)
    services.create_label_rule(label="staging")
    assert demands() == [("production", True, False), ("staging", False, False)]
    services.edit_label_rule(rule_id=rule.pk, needs_checks=True)
    assert demands() == [("production", True, True), ("staging", False, False)]
    assert services.delete_label_rules([rule.pk, 0]) == 1
    assert demands() == [("staging", False, False)]
    with pytest.raises(NotFoundError, match=f"there is no label rule {rule.pk}"):
        services.edit_label_rule(rule_id=rule.pk, needs_checks=True)


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"label": "production"}, "label", "Label rule with this Label already exists."),
        ({"label": ""}, "label", "This field cannot be blank."),
        ({"label": "a", "is_protected": "perhaps"}, "is_protected", "“perhaps” value must be"),
        (
            {"label": "a", "color": 1},
            "color",
            "unknown field; allowed fields: is_protected, needs_ch",
        ),
    ],
)
def test_a_bad_rule_is_refused_by_field(fields, field, message):
    rule = services.create_label_rule(label="production")
    with pytest.raises(InvalidInputError) as refusal:
        services.create_label_rule(**fields)
    assert refusal.value.messages.keys() == {field}
    assert refusal.value.messages[field].startswith(message)
    changes = {name: value for name, value in fields.items() if name != "label"}
    if changes:
        with pytest.raises(InvalidInputError):
            services.edit_label_rule(rule_id=rule.pk, **changes)
    assert demands() == [("production", False, False)]


def test_the_page_writes_rules(settings, client, owner):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)

    def post(name, *keys, **data):
        address = reverse(f"admin:prompts_labelrule_{name}", args=keys)
        return client.post(address, data).status_code

    assert post("add", label="production", is_protected="on") == 302
    assert demands() == [("production", True, False)]
    key = LabelRule.objects.get().pk
    assert post("change", key, label="other", needs_checks="on") == 302
    assert demands() == [("production", False, True)]
    assert post("delete", key, post="yes") == 302
    assert demands() == []
