"""What the pages say of versions is what the package's metadata says."""

import re
import tomllib

import django_hrana
from hrana_support.pages import PACKAGE, list_examples, read, read_table

PROJECT = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def list_versions(of: str) -> list[str]:
    pattern = re.compile(re.escape(of) + r" :: (\d+\.\d+)")
    matches = [pattern.fullmatch(line) for line in PROJECT["classifiers"]]
    return [match[1] for match in matches if match]


def test_supported_versions():
    [row] = read_table("policy", "django-hrana")
    assert row["Django"] == ", ".join(list_versions("Framework :: Django"))
    assert row["Python"] == ", ".join(list_versions("Programming Language :: Python"))
    assert row["django-hrana"] == django_hrana.__version__.rpartition(".")[0]


def test_the_oldest_python_is_the_required_one():
    oldest = list_versions("Programming Language :: Python")[0]
    assert PROJECT["requires-python"] == f">={oldest}"


def test_gunicorn_is_started_as_its_test_does():
    [example] = [e for e in list_examples("deployment") if "gunicorn" in e.note]
    source = (PACKAGE / "tests" / "test_servers.py").read_text(encoding="utf-8")
    [servers] = re.findall(r"^SERVERS = \{.*?^\}", source, re.MULTILINE | re.DOTALL)
    for line in example.code.splitlines():
        words = line.split()
        kind = words[words.index("--worker-class") + 1]
        for option in set(re.findall(r"--[a-z-]+", line)) - {"--workers"}:
            assert f'"{option}"' in servers, line
        assert f'"{kind}"' in servers


def test_nothing_is_deprecated():
    sources = (PACKAGE / "src").rglob("*.py")
    warns = any("DeprecationWarning" in path.read_text(encoding="utf-8") for path in sources)
    assert ("Nothing is deprecated now." in read("policy")) is not warns
