"""scripts/pin_images.py: references that differ are told, and a registry on loopback is asked."""

import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pin_images
import pytest

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
LIST = """[[image]]
name = "{name}"
tag = "1.0"
digest = "{digest}"
"""


def write(folder, name, *, digest=OLD, dockerfile=None, more=""):
    (folder / "deploy").mkdir(exist_ok=True)
    (folder / "deploy" / "images.toml").write_text(LIST.format(name=name, digest=digest) + more)
    reference = f"{name}:1.0@{OLD}" if dockerfile is None else dockerfile
    (folder / "Dockerfile").write_text(f"FROM {reference} AS build\nFROM {reference}\n")


def test_the_projects_own_files_agree():
    assert pin_images.main([]) == 0


@pytest.mark.parametrize(
    ("dockerfile", "sentence"),
    [
        ("python:1.0", "Dockerfile:1: python:1.0 is not in deploy/images.toml like this"),
        (f"python:1.0@{NEW}", f"Dockerfile:1: python:1.0@{NEW} is not in deploy/images.toml"),
        (f"python:2.0@{OLD}", f"Dockerfile:1: python:2.0@{OLD} is not in"),
        ("other", "Dockerfile:1: other is not in"),
    ],
)
def test_a_reference_that_differs_is_told(tmp_path, capsys, dockerfile, sentence):
    write(tmp_path, "python", dockerfile=dockerfile)
    assert pin_images.main([], tmp_path) == 1
    assert sentence in capsys.readouterr().err


def test_compose_files_and_workflows_are_read_too(tmp_path, capsys):
    write(tmp_path, "python")
    (tmp_path / "docker-compose.x.yml").write_text("services:\n  a:\n    image: redis:7\n")
    workflows = tmp_path / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (workflows / "a.yml").write_text("env:\n  ZAP_IMAGE: zap:1\n  IMAGE: ${{ vars.X }}\n")
    assert pin_images.main([], tmp_path) == 1
    said = capsys.readouterr().err
    assert "docker-compose.x.yml:3: redis:7 is not in" in said
    assert ".github/workflows/a.yml:2: zap:1 is not in" in said
    assert said.count("is not in") == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("digest = ", 'unpinned = "why"\ndigest = '), "python needs a digest, or `unpinned`"),
        ((OLD, ""), "python needs a digest, or `unpinned`"),
        ((OLD, "sha256:abc"), "the digest of python is not sha256: and 64 digits"),
    ],
)
def test_an_image_without_digest_needs_a_reason(tmp_path, capsys, change, sentence):
    write(tmp_path, "python")
    path = tmp_path / "deploy" / "images.toml"
    path.write_text(path.read_text().replace(*change))
    assert pin_images.main([], tmp_path) == 1
    assert sentence in capsys.readouterr().err


def test_an_image_that_nothing_uses_is_told(tmp_path, capsys):
    more = LIST.format(name="redis", digest=OLD)
    write(tmp_path, "python", more=more)
    assert pin_images.main([], tmp_path) == 1
    assert f"nothing uses redis:1.0@{OLD}; remove it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("python", ("https://registry-1.docker.io", "library/python")),
        ("grafana/grafana", ("https://registry-1.docker.io", "grafana/grafana")),
        ("ghcr.io/a/b", ("https://ghcr.io", "a/b")),
        ("127.0.0.1:5000/a/b", ("http://127.0.0.1:5000", "a/b")),
    ],
)
def test_where_an_image_is(name, expected):
    assert pin_images.locate(name) == expected


# --- A fake registry ------------------------------------------------------------------------------


@pytest.fixture
def registry():
    """A fake registry: it wants a token, as Docker Hub does, and knows team/app:1.0."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            if self.headers.get("Authorization") != "Bearer t0ken":
                self.send_response(401)
                realm = f"http://{self.headers['Host']}/token"
                self.send_header(
                    "WWW-Authenticate",
                    f'Bearer realm="{realm}",service="reg",scope="repository:team/app:pull"',
                )
            elif self.path == "/v2/team/app/manifests/1.0":
                assert "oci.image.index" in self.headers["Accept"]
                self.send_response(200)
                self.send_header("Docker-Content-Digest", NEW)
            else:
                self.send_response(404)
            self.end_headers()

        def do_GET(self):
            assert self.path == "/token?service=reg&scope=repository%3Ateam%2Fapp%3Apull"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"token": "t0ken"}).encode())

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_an_update_asks_the_registry_and_writes_every_file(tmp_path, capsys, registry):
    name = f"{registry}/team/app"
    write(tmp_path, name)
    (tmp_path / "docker-compose.yml").write_text(f"a:\n  image: {name}:1.0@{OLD}\n")
    assert pin_images.main(["--update"], tmp_path) == 0
    assert capsys.readouterr().out == f"{name}:1.0 {NEW}\n"
    for path in (tmp_path / "Dockerfile", tmp_path / "docker-compose.yml"):
        assert OLD not in path.read_text()
        assert f"{name}:1.0@{NEW}" in path.read_text()
    assert pin_images.main([], tmp_path) == 0
    assert pin_images.main(["--update"], tmp_path) == 0
    assert capsys.readouterr().out == "Every digest is still the tag's.\n"


def test_an_image_gets_its_first_digest(tmp_path, registry):
    name = f"{registry}/team/app"
    write(tmp_path, name, digest="", dockerfile=f"{name}:1.0", more='unpinned = "not yet"\n')
    assert pin_images.main([], tmp_path) == 0
    assert pin_images.main(["--update"], tmp_path) == 0
    text = (tmp_path / "deploy" / "images.toml").read_text()
    assert re.search(f'digest = "{NEW}"\n', text)
    assert "unpinned" not in text
    assert pin_images.main([], tmp_path) == 0


def test_what_the_registry_does_not_have_changes_nothing(tmp_path, capsys, registry):
    write(tmp_path, f"{registry}/team/app")
    for path in (tmp_path / "Dockerfile", tmp_path / "deploy" / "images.toml"):
        path.write_text(path.read_text().replace("team/app", "team/other"))
    before = (tmp_path / "Dockerfile").read_text()
    assert pin_images.main(["--update"], tmp_path) == 1
    assert "team/other:1.0: HTTP Error 404" in capsys.readouterr().err
    assert (tmp_path / "Dockerfile").read_text() == before
    shutil.rmtree(tmp_path)
