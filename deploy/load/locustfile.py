"""Load: people in the admin, programs at the API, and machines that ask for health. `make load`.

    make load                                      a server of its own, benchmarks/load.py
    make load HOST=http://127.0.0.1:8000 ARGS="--users 64 --spawn-rate 16 --run-time 60s"

From the environment: LOAD_API_KEY, a key of `manage.py api_key` (without it there are no programs);
LOAD_USER and LOAD_PASSWORD, somebody who may see the admin (without them nobody logs in);
LOAD_FORWARDED=1 where the server is asked without its proxy (X-Forwarded-Proto is sent then);
LOAD_P95_MS, above which the run fails (default: 2000), as it does where any request failed.
It reads alone. Point it at your own server.
"""

import os
import re
import sys
from typing import Any

from locust import HttpUser, between, events, task
from locust.env import Environment

KEY = os.environ.get("LOAD_API_KEY", "")
USER, PASSWORD = os.environ.get("LOAD_USER", ""), os.environ.get("LOAD_PASSWORD", "")
FORWARDED = {"X-Forwarded-Proto": "https"} if os.environ.get("LOAD_FORWARDED") else {}
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
# A run fails above these: what `make load` says with its exit status.
MOST_FAILURES = 0.0
MOST_P95_MS = float(os.environ.get("LOAD_P95_MS", "2000"))


class Machine(HttpUser):
    """A balancer that asks whether the server lives and is ready."""

    wait_time = between(0.5, 1.5)
    weight = 1

    def on_start(self) -> None:
        """Send what a proxy would."""
        self.client.headers.update(FORWARDED)

    @task(3)
    def live(self) -> None:
        """Ask whether it lives."""
        self.client.get("/health/live")

    @task
    def ready(self) -> None:
        """Ask whether it is ready."""
        self.client.get("/health/ready")


class Program(HttpUser):
    """A program that fetches prompts by the API, as clients do."""

    wait_time = between(0.1, 0.5)
    weight = 4 if KEY else 0

    def on_start(self) -> None:
        """Carry the key, and find a prompt to ask for."""
        self.client.headers.update(FORWARDED | {"Authorization": f"Bearer {KEY}"})
        answer = self.client.get("/api/v1/prompts?limit=1", name="/api/v1/prompts").json()
        self.prompt = find_name(answer)

    @task(3)
    def fetch_prompt(self) -> None:
        """Fetch one prompt."""
        if self.prompt:
            address = f"/api/v1/prompts/{self.prompt}?label=latest"
            self.client.get(address, name="/api/v1/prompts/NAME")

    @task
    def list_prompts(self) -> None:
        """List prompts."""
        self.client.get("/api/v1/prompts?limit=20", name="/api/v1/prompts")


class Person(HttpUser):
    """Somebody who looks around in the admin."""

    wait_time = between(1, 3)
    weight = 3

    def on_start(self) -> None:
        """Log in, where a name and a password are given."""
        self.client.headers.update(FORWARDED)
        page = self.client.get("/admin/login/")
        match = TOKEN.search(page.text)
        self.is_in = bool(USER and match)
        if match and self.is_in:
            form = {"csrfmiddlewaretoken": match[1], "username": USER, "password": PASSWORD}
            address = f"{self.host}/admin/login/"
            if FORWARDED:  # Django compares the scheme, too
                address = address.replace("http://", "https://")
            answer = self.client.post(
                "/admin/login/", form, headers={"Referer": address}, allow_redirects=False
            )
            self.is_in = answer.status_code == 302

    @task(3)
    def list_prompts(self) -> None:
        """Look at the list of prompts, or at the login page."""
        self.client.get("/admin/prompts/prompt/" if self.is_in else "/admin/login/")

    @task
    def look_at_dashboard(self) -> None:
        """Look at the dashboard."""
        if self.is_in:
            self.client.get("/admin/")


def find_name(answer: Any) -> str:
    """Return the name of the first prompt of a list; empty if there is none."""
    rows = answer["items"]
    return str(rows[0]["name"]) if rows else ""


@events.quitting.add_listener
def judge(environment: Environment, **_more: Any) -> None:
    """Fail where a request failed or the slowest twentieth took too long; say both."""
    total = environment.stats.total
    p95 = total.get_response_time_percentile(0.95) or 0
    sys.stdout.write(
        f"{total.num_requests} requests, {total.num_failures} failed, p95 {p95:.0f} ms\n"
    )
    if total.num_requests == 0 or total.fail_ratio > MOST_FAILURES or p95 > MOST_P95_MS:
        environment.process_exit_code = 1
