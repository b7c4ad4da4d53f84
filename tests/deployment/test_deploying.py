"""A whole deployment against a fake host: its steps in order, and what a bad day leaves."""

import json
import os
import re
import secrets
import signal
from pathlib import Path

import pytest

from tests.support.fake_host import FakeHost, digest

pytestmark = pytest.mark.skipif(
    not FakeHost.is_possible(), reason="ssh-agent and ssh-add are not installed here"
)

PASSWORD = "pass w#rd$"
TOKEN = secrets.token_urlsafe(50)
SETTINGS = f"""APP_ENV="staging"
SECRET_KEY="{secrets.token_urlsafe(50)}"
ALLOWED_HOSTS="staging.example"
TURSO_STAGING_DATABASE_URL="libsql://db.example.turso.io"
TURSO_STAGING_AUTH_TOKEN="database-token-of-the-test"
METRICS_TOKEN="{TOKEN}"
REDIS_URL="redis://:pass%20w%23rd%24@redis:6379/0"
"""
APP = "registry.example/team/app"


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path, SETTINGS)


@pytest.fixture
def deployed(host):
    """A host where version one serves."""
    status, output = host.deploy("one")
    assert status == 0, output
    host.heal()
    return host


def position(commands, part):
    [index] = [index for index, command in enumerate(commands) if part in command]
    return index


def test_the_first_deployment_starts_everything(host):
    status, output = host.deploy("one")
    assert status == 0, output
    image = digest(f"{APP}:one")
    assert set(host.running) == {"redis", "proxy", "web-blue", "worker"}
    assert host.running["web-blue"] == host.running["worker"] == image
    assert host.serving == "blue"
    assert host.env["IMAGE"] == host.env["IMAGE_BLUE"] == image
    assert host.env["COMPOSE_PROFILES"] == "blue,redis"
    assert host.env["SITE_ADDRESS"] == "staging.example"
    assert host.env["COMPOSE_FILE"] == "docker-compose.prod.yml"
    assert f"{image} serves" in output
    steps = [
        "login registry.example --username robot --password-stdin",
        f"pull --quiet {APP}:one",
        "compose config --quiet",
        "up --detach --wait redis",
        "manage check --deploy",
        "manage migrate_safely",
        "up --detach --no-deps --wait --wait-timeout 180 web-blue",
        "scripts/smoke.py http://127.0.0.1:8000 --inside",
        "up --detach --no-deps --wait proxy",
        "caddy reload",
        "scripts/smoke.py https://staging.example --connect proxy:443",
        "--wait-timeout 180 worker",
    ]
    order = [position(host.commands, step) for step in steps]
    assert order == sorted(order)


def test_what_lies_on_the_host_can_be_operated_and_read_by_its_user_alone(host):
    host.deploy("one")
    files = {
        str(path.relative_to(host.folder)) for path in host.folder.rglob("*") if path.is_file()
    }
    assert {
        "docker-compose.prod.yml",
        "docker-compose.monitoring.yml",
        "caddy/Caddyfile",
        "redis/start.sh",
        "redis/ping.sh",
        "host.py",
        "config/.env",
        "redis/password",
    } <= files
    assert (host.folder / "config" / ".env").read_text() == SETTINGS
    assert (host.folder / "redis" / "password").read_text() == PASSWORD
    assert (host.folder / "metrics" / "token").read_text() == TOKEN
    for name in ("config/.env", "redis/password", "metrics/token"):
        assert (host.folder / name).stat().st_mode & 0o777 == 0o600
    assert not list(host.folder.glob("incoming-*"))
    status, output = host.operate("status")
    assert status == 0
    assert f"web-blue serves {digest(APP + ':one')}" in output
    assert "host.example ssh-ed25519 AAAA" in (host.base / "known_hosts").read_text()


def test_no_secret_is_on_a_command_line_or_in_a_log(host):
    _, output = host.deploy("one")
    [login] = [call for call in host.calls if call["arguments"][0] == "login"]
    assert login["stdin"] == "registry-token"
    shown = output + (host.base / "ssh.log").read_text()
    shown += (host.folder / "deploy.log").read_text() + (host.folder / ".env").read_text()
    shown += json.dumps([call["arguments"] for call in host.calls])
    for secret in ("registry-token", PASSWORD, "database-token", TOKEN, "PRIVATE KEY"):
        assert secret not in shown


def test_the_next_version_comes_up_beside_the_old_one(deployed):
    status, output = deployed.deploy("two")
    assert status == 0, output
    assert deployed.serving == "green"
    assert deployed.running["web-green"] == deployed.running["worker"] == digest(f"{APP}:two")
    assert "web-blue" not in deployed.running
    assert deployed.env["IMAGE"] == digest(f"{APP}:two")
    assert deployed.env["COMPOSE_PROFILES"] == "green,redis"
    commands = deployed.commands
    # The old one stops when the new one has answered through the proxy, and not before.
    assert position(commands, "https://staging.example") < position(commands, "stop web-blue")
    assert position(commands, "manage check") < position(commands, "manage backup_database")
    assert position(commands, "manage backup_database") < position(
        commands, "manage migrate_safely"
    )
    migrate = deployed.calls[position(commands, "manage migrate_safely")]
    assert migrate["env"]["IMAGE_NEXT"] == digest(f"{APP}:two")
    assert migrate["env"]["IMAGE"] == digest(f"{APP}:one")


def test_what_an_operator_wrote_stays(deployed):
    path = deployed.folder / ".env"
    path.write_text("# ours\nWEB_MEMORY=2g\n" + path.read_text())
    files = "docker-compose.prod.yml:docker-compose.monitoring.yml"
    path.write_text(re.sub("COMPOSE_FILE=.*", f"COMPOSE_FILE={files}", path.read_text()))
    deployed.deploy("two")
    assert path.read_text().startswith("# ours\nWEB_MEMORY=2g\n")
    assert deployed.env["COMPOSE_FILE"] == files


def assert_version_one_serves(host, before):
    assert host.serving == "blue"
    assert host.running["web-blue"] == host.running["worker"] == digest(f"{APP}:one")
    assert "web-green" not in host.running
    assert (host.folder / ".env").read_text() == before
    assert (host.folder / "config" / ".env").read_text() == SETTINGS


@pytest.mark.parametrize(
    "step",
    [
        "compose config",
        "manage backup_database",
        "manage migrate_safely",
        "--wait-timeout 180 web-green",
        "smoke.py http://127.0.0.1:8000",
        "caddy reload",
        "smoke.py https://staging.example",
        "--wait-timeout 180 worker",
    ],
)
def test_a_step_that_fails_leads_back_to_the_old_version(deployed, step):
    before = (deployed.folder / ".env").read_text()
    other = SETTINGS.replace("staging.example", "staging.example,other.example")
    deployed.env_file.write_text(other)
    deployed.fail(step, "ready: answered 503, red: database", times=1)
    status, output = deployed.deploy("two")
    assert status == 5, output
    assert f"Rolled back: {digest(APP + ':one')} serves" in output
    assert "red: database" in output
    assert_version_one_serves(deployed, before)


def test_after_a_failure_the_next_deployment_succeeds(deployed):
    deployed.fail("smoke.py", times=1)
    assert deployed.deploy("two")[0] == 5
    assert deployed.deploy("three")[0] == 0
    assert deployed.running["web-green"] == digest(f"{APP}:three")


def test_what_cannot_be_put_back_is_for_somebody_to_look_at(deployed):
    deployed.fail("--wait-timeout 180 worker", "container autoforge-worker-1 is unhealthy")
    status, output = deployed.deploy("two")
    assert status == 6
    assert "serves, but not everything was put back" in output
    assert "is unhealthy" in output
    assert deployed.serving == "blue"


@pytest.mark.parametrize(
    ("match", "says", "expected"),
    [
        ("login", "unauthorized: wrong password", "unauthorized"),
        ("pull", "manifest unknown", "manifest unknown"),
        ("pull", "write /var/lib/docker/tmp: no space left on device", "no space left on device"),
    ],
)
def test_before_anything_is_changed_it_is_refused(deployed, match, says, expected):
    before = (deployed.folder / ".env").read_text()
    deployed.fail(match, says)
    status, output = deployed.deploy("two")
    assert status == 4
    assert "Nothing was changed" in output
    assert expected in output
    assert_version_one_serves(deployed, before)
    assert not any("manage" in command for command in deployed.commands)


def test_a_full_disk_is_refused_with_figures(deployed):
    status, output = deployed.deploy("two", DEPLOY_FREE_BYTES=str(10**18))
    assert status == 4
    assert re.search(r"has [\d,]+ MiB free, and 953,674,316,406 are needed\. Remove old", output)
    assert deployed.serving == "blue"
    assert deployed.commands == []


def test_the_first_deployment_that_fails_says_that_nothing_serves(host):
    host.fail("smoke.py", "live: Connection refused")
    status, output = host.deploy("one")
    assert status == 6
    assert "nothing serves" in output
    assert "web-blue" not in host.running
    host.heal()
    assert host.deploy("one")[0] == 0


def test_a_second_deployment_at_once_is_refused(deployed):
    gate = deployed.docker / "gate"
    deployed.fail("pull", until=str(gate))
    first = start(deployed, "two")
    deployed.wait_for(deployed.docker / "gate.reached")
    status, output = deployed.deploy("three")
    gate.touch()
    said, _ = first.communicate(timeout=100)
    assert (status, output.splitlines()[-1]) == (
        3,
        "Another deployment is running on this host; wait for it to end.",
    )
    assert first.returncode == 0, said
    assert deployed.running["web-green"] == digest(f"{APP}:two")
    assert not list(deployed.folder.glob("incoming-*"))


def start(host, tag):
    command = ("deploy", "--env-file", str(host.env_file))
    return host.start(*command, IMAGE=f"{APP}:{tag}")


def test_a_connection_that_is_lost_ends_nothing(deployed):
    (deployed.base / "lose").touch()
    status, output = deployed.deploy("two")
    assert status == 0, output
    assert "The connection was lost; the host goes on" in output
    assert f"{digest(APP + ':two')} serves" in output
    assert deployed.serving == "green"


def test_a_lost_connection_does_not_hide_a_failure(deployed):
    (deployed.base / "lose").touch()
    deployed.fail("manage migrate_safely", "no such table: x")
    status, output = deployed.deploy("two")
    assert status == 5
    assert "no such table: x" in output


def test_a_host_that_is_away_changes_nothing(deployed):
    (deployed.base / "away").touch()
    status, output = deployed.deploy("two")
    assert status == 7
    assert "deploy@host.example could not be reached, or refused us." in output
    assert deployed.operate("status")[0] == 7


def test_a_deployment_that_was_killed_is_mended_by_the_next(deployed):
    # Killed after the switch: the proxy sends requests to green, and blue still runs.
    gate = deployed.docker / "gate"
    deployed.fail("smoke.py https", until=str(gate))
    first = start(deployed, "two")
    deployed.wait_for(deployed.docker / "gate.reached")
    assert deployed.serving == "green"
    for pid in find_host_processes(deployed):
        os.kill(pid, signal.SIGKILL)
    gate.touch()
    first.communicate(timeout=100)
    assert first.returncode not in {0, 5}
    deployed.heal()
    deployed.fail("pull", "manifest unknown")
    status, output = deployed.deploy("three")
    assert status == 4
    assert "The last deployment was interrupted" in output
    assert deployed.serving == "blue"
    assert deployed.env["IMAGE"] == digest(f"{APP}:one")


def find_host_processes(host):
    wanted = f"{host.folder}/incoming-"
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "python3" in words[0] and any(word.startswith(wanted) for word in words[1:2]):
            yield int(path.parent.name)


def test_rollback_lets_the_version_before_serve_again(deployed):
    deployed.deploy("two")
    # A token that was rotated since stays: the older settings hold one that is dead.
    rotated = SETTINGS.replace("database-token-of-the-test", "rotated-token-of-the-test")
    (deployed.folder / "config" / ".env").write_text(rotated)
    deployed.heal()
    status, output = deployed.operate("rollback")
    assert status == 0, output
    assert deployed.serving == "blue"
    assert deployed.running["web-blue"] == deployed.running["worker"] == digest(f"{APP}:one")
    assert "web-green" not in deployed.running
    assert (deployed.folder / "config" / ".env").read_text() == rotated
    # Migrations stay: the old code may not know them.
    [smoke] = [command for command in deployed.commands if "smoke.py" in command]
    assert "--tolerate migrations" in smoke
    assert not any("migrate" in c for c in deployed.commands if "smoke" not in c)
    # And back again.
    assert deployed.operate("rollback")[0] == 0
    assert deployed.running["web-green"] == digest(f"{APP}:two")


def test_rollback_that_fails_keeps_what_serves(deployed):
    deployed.deploy("two")
    deployed.heal()
    deployed.fail("smoke.py", "API: answered 500")
    status, output = deployed.operate("rollback")
    assert status == 5
    assert "API: answered 500" in output
    assert deployed.serving == "green"
    assert deployed.running["web-green"] == digest(f"{APP}:two")


def test_rollback_without_a_version_before_is_refused(deployed):
    assert deployed.operate("rollback") == (
        4,
        "There is no version before this one on this host.\n",
    )


def test_the_last_images_stay_and_older_ones_go(deployed):
    for tag in ("two", "three", "four", "five"):
        assert deployed.deploy(tag)[0] == 0
    images = json.loads((deployed.docker / "images.json").read_text())
    assert images == [f"{APP}:{tag}" for tag in ("three", "four", "five")]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DEPLOY_SSH_KEY": "", "SITE_URL": " "}, "not set: DEPLOY_SSH_KEY, SITE_URL. Set them"),
        ({"DEPLOY_SSH_KEY": "no key"}, "DEPLOY_SSH_KEY is not a private key without a passphrase."),
        ({"SITE_URL": "http://x.example"}, "SITE_URL is http://x.example; it must be https://name"),
    ],
)
def test_wrong_variables_are_refused_before_anything_is_sent(host, variables, sentence):
    status, output = host.deploy("one", **variables)
    assert status == 2
    assert sentence in output
    assert not (host.base / "ssh.log").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (SETTINGS.replace("SECRET_KEY", "SECRET_KEX"), "SECRET_KEY is not set"),
        (SETTINGS.replace(":pass%20w%23rd%24@", ""), "names the Redis of the host (redis) without"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_sent(host, settings, sentence):
    host.env_file.write_text(settings)
    status, output = host.deploy("one")
    assert status == 2
    assert sentence in output
    assert not (host.base / "ssh.log").exists()


def test_settings_that_are_not_rendered_are_refused(host):
    host.env_file.unlink()
    assert host.deploy("one") == (2, f"{host.env_file} is missing: render it first.\n")


def test_a_redis_of_somebody_else_is_not_started(host):
    host.env_file.write_text(SETTINGS.replace("@redis:", "@cache.example:"))
    status, output = host.deploy("one")
    assert status == 0, output
    assert "redis" not in host.running
    assert host.env["COMPOSE_PROFILES"] == "blue"
    assert not (host.folder / "redis" / "password").exists()


def test_behind_another_proxy_the_site_is_asked_from_outside(host):
    status, output = host.deploy("one", SITE_ADDRESS=":80")
    assert status == 0, output
    assert "Another proxy ends TLS" in output
    assert host.env["SITE_ADDRESS"] == ":80"
    assert not any("https://" in command for command in host.commands)
