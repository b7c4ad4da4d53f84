"""promptfoo evaluates prompts that it reads at langfuse://: only the host is another one.

Its command is in the arguments.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from running import check, run

URL = os.environ["AUTOFORGE_URL"]
KEY = os.environ["AUTOFORGE_API_KEY"]
COMMAND = sys.argv[1:]
TESTS = [{"vars": {"name": name, "tone": "kind"}} for name in ("愛子", 'a "b" <c>')]


def create(**fields: object) -> None:
    """Save a prompt, or its next version, as Langfuse's clients do."""
    basic = base64.b64encode(f"autoforge:{KEY}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 (the server of this run)
        f"{URL}/api/public/v2/prompts",
        data=json.dumps(fields).encode(),
        headers={"Authorization": f"Basic {basic}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 (as above)
        assert answer.status == 201


def evaluate(*prompts: str, key: str = KEY) -> list[dict[str, object]]:
    """Return the results of an evaluation with its provider `echo`, which says what it is asked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = {"prompts": list(prompts), "providers": ["echo"], "tests": TESTS}
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        switches = {f"PROMPTFOO_DISABLE_{what}": "1" for what in ("TELEMETRY", "UPDATE")}
        options = ["-c", "config.json", "-o", "out.json", "-j", "1"]
        quiet = ["--no-cache", "--no-table", "--no-progress-bar"]
        done = subprocess.run(  # noqa: S603 (our own configuration)
            [*COMMAND, "eval", *options, *quiet],
            cwd=folder,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                **switches,
                "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
                "PROMPTFOO_CONFIG_DIR": str(folder / "home"),
                "LANGFUSE_HOST": URL,
                "LANGFUSE_PUBLIC_KEY": "autoforge",
                "LANGFUSE_SECRET_KEY": key,
            },
            capture_output=True,
            text=True,
            check=False,  # its status says that a prompt could not be read
        )
        out = folder / "out.json"
        assert out.exists(), done.stdout + done.stderr
        results = json.loads(out.read_text(encoding="utf-8"))["results"]["results"]
    results.sort(key=lambda row: (row["promptIdx"], row["testIdx"]))
    return results


def outputs(*prompts: str) -> list[object]:
    rows = evaluate(*prompts)
    assert all(row["success"] for row in rows), rows
    return [row["response"]["output"] for row in rows]


@check
def prompts_are_there() -> None:
    create(name="support/返信", prompt="Hi {{name}}, 日本", labels=["production"])
    create(name="support/返信", prompt="Hello {{name}}", labels=["staging"])
    create(name="support/返信", prompt="Hey {{name}}")
    chat = [{"role": "system", "content": "Be {{tone}}."}, {"role": "user", "content": "{{name}}"}]
    create(name="chat", type="chat", prompt=chat, labels=["production"])


@check
def a_label_and_a_number_say_which_version() -> None:
    prompts = [
        "langfuse://support/返信@production:text",
        "langfuse://support/返信@staging",
        "langfuse://support/返信:3:text",
    ]
    first, second = "愛子", 'a "b" <c>'
    assert outputs(*prompts) == [
        f"Hi {first}, 日本",
        f"Hi {second}, 日本",
        f"Hello {first}",
        f"Hello {second}",
        f"Hey {first}",
        f"Hey {second}",
    ]


@check
def a_chat_is_its_messages() -> None:
    for prompt in ("langfuse://chat@production:chat", "langfuse://chat:1:chat"):
        texts = outputs(prompt)
        expected = []
        for test in TESTS:
            system = {"role": "system", "content": "Be kind."}
            expected.append([system, {"role": "user", "content": test["vars"]["name"]}])
        assert [json.loads(str(text)) for text in texts] == expected


@check
def what_is_not_there_is_an_error_of_its_row() -> None:
    rows = evaluate("langfuse://support/返信@beta:text", "langfuse://none:1:text")
    assert len(rows) == 2 * len(TESTS)
    for row in rows:
        assert "Failed to fetch Langfuse prompt" in str(row["error"]), row


@check
def a_wrong_key_is_an_error_of_its_row() -> None:
    for row in evaluate("langfuse://support/返信@production:text", key="af_wrong"):
        assert "Failed to fetch Langfuse prompt" in str(row["error"]), row


run()
