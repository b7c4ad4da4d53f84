"""Suites are imported with the files that they name; no page reads a file of this machine."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from evaluations.models import ModelProfile, Run, TestCase, TestSuite
from evaluations.services.suites import create_case, create_suite
from prompts.services import create_prompt

pytestmark = [pytest.mark.django_db, pytest.mark.once]

IMPORT = "admin:evaluations_testsuite_import"
SUITE = {"prompts": ["x"], "tests": [{"vars": {"a": "file://texts/*.txt"}}]}


@pytest.fixture
def admin(client, owner, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    client.force_login(owner)
    return client


def pack(files, method=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def send(admin, suite, **files):
    more = [SimpleUploadedFile(name.replace("__", "."), text) for name, text in files.items()]
    sent = {"file": SimpleUploadedFile("s.json", json.dumps(suite).encode()), "more": more}
    return admin.post(reverse(IMPORT), sent).content.decode()


def test_a_suite_comes_with_its_files(admin):
    texts = {
        "texts/a.txt": "A",
        "texts/b.txt": "B",
        "__MACOSX/._a.txt": "x",
        "texts/.DS_Store": "x",
    }
    assert "Imported" in send(admin, SUITE, files__zip=pack(texts))
    assert [case.variables for case in TestCase.objects.order_by("position")] == [
        {"a": "A"},
        {"a": "B"},
    ]
    TestSuite.objects.all().delete()
    suite = {
        "prompts": ["x"],
        "tests": "file://t.csv",
        "defaultTest": {"vars": {"b": "file://b.txt"}},
    }
    assert "Imported" in send(admin, suite, t__csv=b"q,__expected\n1,2\n", b__txt=b"B")
    assert TestCase.objects.get(suite__deleted_at=None).variables == {"q": "1", "b": "B"}


BAD = [
    ({}, "no file matches “file://texts/*.txt”"),
    ({"a__zip": b"PK\x03\x04 no"}, "a.zip is not a ZIP file, or it is damaged"),
    (
        {"a__zip": pack({"../texts/a.txt": "x"})},
        "a.zip: contains a file name that is too long or points outside",
    ),
    (
        {"a__zip": pack({"/texts/a.txt": "x"})},
        "a.zip: contains a file name that is too long or points outside",
    ),
    (
        {"a__zip": pack({"a" * 201: "x"})},
        "a.zip: contains a file name that is too long or points outside",
    ),
    (
        {"a__zip": pack({"a": "x"}, zipfile.ZIP_BZIP2)},
        "“a” is encrypted or uses an unsupported compression",
    ),
    ({"a__zip": pack({"a": "0" * 30_000_000})}, "a.zip: the files are larger than 20 MB in total"),
    ({"a__zip": pack({f"{n}": "0" for n in range(501)})}, "a.zip: there are more than 500 files"),
    ({"a__zip": pack({"b.txt": "x"}), "b__txt": b"y"}, "b.txt: two files are named “b.txt”"),
]


@pytest.mark.parametrize(("files", "sentence"), BAD)
def test_files_that_are_refused(admin, files, sentence):
    assert sentence in send(admin, SUITE, **files)
    assert not TestSuite.objects.exists()


def test_an_archive_that_lies_about_its_size(admin):
    packed = bytearray(pack({"texts/a.txt": "0" * 100_000}))
    directory = packed.rindex(b"PK\x01\x02")
    packed[directory + 24 : directory + 28] = (10).to_bytes(4, "little")
    page = send(admin, SUITE, a__zip=bytes(packed))
    assert "is not a ZIP file, or it is damaged" in page


@pytest.mark.parametrize("path", ["/etc/passwd", "/no/such/file", "/dev/zero", "manage.py"])
def test_recorded_answers_are_no_way_to_a_file(admin, path):
    """The same sentence whether the file is there or not, and at once."""
    prompt = create_prompt(title="P", content="x")
    suite = create_suite(name="S")
    create_case(suite_id=suite.pk, name="a", expected="x")
    fields = {"suite": suite.pk, "others": prompt.name, "repeats": 1, "start": "1"}
    for form in ({"providers": f"replay:{path}"}, {"providers": "echo", "judge": f"replay:{path}"}):
        page = admin.post(reverse("admin:evaluations_run_add"), fields | form).content.decode()
        assert "recorded answers can only be read by manage.py evaluate" in page
    assert not Run.objects.exists()
    judged = {"type": "llm-rubric", "value": "x", "provider": f"replay:{path}"}
    create_case(suite_id=suite.pk, name="b", assertions=[judged])
    page = admin.post(reverse("admin:evaluations_run_add"), fields | {"providers": "echo"})
    assert "recorded answers can only be read" in page.content.decode()
    assert not Run.objects.exists()
    profile = {"name": "p", "provider": "replay", "model": path, "parameters": "{}"}
    page = admin.post(reverse("admin:evaluations_modelprofile_add"), profile).content.decode()
    assert "Select a valid choice. replay is not one of the available choices." in page
    ModelProfile.objects.create(name="old", provider="replay", model=path)
    page = admin.post(reverse("admin:evaluations_run_add"), fields | {"providers": "old"})
    assert "recorded answers can only be read" in page.content.decode()


def test_a_case_that_is_edited_names_no_file(admin):
    suite = create_suite(name="S")
    fields = {"suite": suite.pk, "name": "a", "weight": 1, "variables": "{}", "assertions": "[]"}
    for name, value in (
        ("variables", {"a": "file:///etc/passwd"}),
        ("variables", {"a": [{"b": "file://a.txt"}]}),
        ("assertions", [{"type": "contains", "value": "file://a.txt"}]),
        ("assertions", [{"type": "contains-any", "value": ["x", "file://a.txt"]}]),
    ):
        sent = fields | {name: json.dumps(value)}
        page = admin.post(reverse("admin:evaluations_testcase_add"), sent).content.decode()
        assert "refers to a file, and files are not read here. Paste its text" in page
    assert not TestCase.objects.exists()
