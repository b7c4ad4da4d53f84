"""Records of calls, and people who look at them."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from evaluations.models import CallRecord
from evaluations.recorded import NewRecord
from evaluations.services.records import keep_records


def keep(**fields: Any) -> CallRecord:
    """Return the record of a call."""
    asked = timezone.now() - timedelta(seconds=90)
    values: dict[str, Any] = {
        "source": "trace",
        "provider": "openai",
        "model": "gpt-5-mini",
        "asked_at": asked,
        "answered_at": asked + timedelta(seconds=2.25),
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Where is my parcel?\nNumber 5."},
        ],
        "output": "On its way.",
    }
    keep_records(records=[NewRecord(**(values | fields))], caller="shop")
    return CallRecord.objects.latest("pk")


def log_in(client, role: str):
    user = User.objects.create_user(role, password="a-good-password", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    client.force_login(user)
    return client
