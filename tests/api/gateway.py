"""What tests of the gateway share: a client as OpenAI's, prompts, a fake model service."""

import io
import json

from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from core.access import services as keys
from prompts import services
from prompts.models import Prompt

KEY = "sk-a-key-that-nobody-may-see"
ASK = {"model": "prompt:support/reply", "messages": [], "prompt_variables": {"customer": "Aiko"}}


class OpenAI:
    """Sends requests as OpenAI's clients do."""

    def __init__(self, role: str, **limits: object) -> None:
        if not Group.objects.exists():  # after a test that emptied the tables
            call_command("sync_roles", stdout=io.StringIO())
        new = keys.create_key(
            name=f"gateway {role} {len(limits)}", role=role, requests_per_minute=0, **limits
        )
        self.key = new.row
        self.authorization = f"Bearer {new.text}"
        self.client = Client(headers={"Authorization": self.authorization})

    def chat(self, **body: object):
        """Ask for a completion."""
        return self.send(body)

    def send(self, body: object):
        """Post a body, which may be no JSON."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post("/v1/chat/completions", raw, content_type="application/json")

    def get(self, path: str):
        """Read."""
        return self.client.get(f"/v1/{path}")


def make_prompt(
    config: object, *, name: str = "support/reply", content: str = "Greet {{ customer }}."
) -> Prompt:
    prompt = services.create_prompt(
        title=name,
        name=name,
        content=content,
        kind="text",
        syntax="mustache",
        variables=[{"name": "customer"}] if "customer" in content else [],
        status=Prompt.Status.ACTIVE,
        config=config,
    )
    services.move_label(prompt_id=prompt.pk, label="production", number=1, mover=services.SYSTEM)
    return prompt
