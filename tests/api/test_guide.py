"""The examples of the guide, typed as they stand there, against a running server."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from core.access import services
from prompts.models import Prompt
from prompts.services import create_prompt, move_label

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", ["api.md", "api.ja.md"])
def test_the_examples_run(live_server, page):
    from django.core.management import call_command

    call_command("sync_roles", verbosity=0)
    prompt = create_prompt(
        title="Support reply",
        name="support-reply",
        content="Hello {{ name }}",
        syntax="mustache",
        variables=[{"name": "name", "type": "text"}],
    )
    move_label(prompt_id=prompt.pk, label="production", number=1)
    key = services.create_key(name=page, role="Editor").text
    [script] = BLOCK.findall((ROOT / "docs" / page).read_text(encoding="utf-8"))
    calls = [call for call in re.split(r"\n\n", script) if "curl" in call]
    assert len(calls) >= 3
    for call in calls:
        result = subprocess.run(
            ["bash", "-c", call.replace("curl ", "curl --silent --fail-with-body ")],
            env={"PATH": os.environ["PATH"], "KEY": key, "URL": live_server.url},
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert result.returncode == 0, (call, result.stdout.decode(), result.stderr.decode())
    assert Prompt.objects.filter(name="mail/greeting").exists()
