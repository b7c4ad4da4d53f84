"""Names with folders: what is a name, and where it goes."""

import io
import re
from urllib.parse import urljoin

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client

from core.errors import InvalidInputError
from prompts import interface, services
from prompts.exporting import Archived, ArchivedVersion, parse, serialise
from prompts.models import Prompt
from prompts.naming import make_name, number_name, validate_name

LONG = "ながい" * 85  # 255 characters, 765 bytes


@pytest.mark.parametrize(
    "name",
    [
        "reply",
        "support/reply/short",
        "サポート/返信",
        "a/b/c/d/e/f/g/h/i/j/k",
        "a.versions",
        "a" * 255,
        f"{'a' * 127}/{'b' * 127}",
        LONG,
    ],
)
def test_names(name):
    validate_name(name)


@pytest.mark.parametrize(
    ("name", "example"),
    [
        ("", "prompt"),
        ("/reply", "prompt/reply"),
        ("reply/", "reply/prompt"),
        ("a//b", "a/prompt/b"),
        ("a/../b", "a/prompt/b"),
        ("../../etc/passwd", "prompt/prompt/etc/passwd"),
        ("./a", "prompt/a"),
        ("a\\b", "a-b"),
        ("Support/Reply", "support/reply"),
        ("a/b c", "a/b-c"),
        ("con/a", "prompt/a"),
        ("a/nul.txt", "a/prompt"),
        ("a.versions/0001", "a/0001"),
        ("a" * 256, "a" * 60),
        ("a/b/c/d/e/f/g/h/i/j/k/l", "a/b/c/d/e"),
        ("a/" * 128 + "a", "a/a/a/a/a"),
    ],
)
def test_what_is_no_name_is_refused_with_one_that_is(name, example):
    with pytest.raises(ValidationError) as caught:
        validate_name(name)
    assert caught.value.messages[0].endswith(
        f"with / after each of up to 10 folders, such as {example}"
    )
    validate_name(example)


def test_a_title_makes_no_folder():
    assert make_name("support/reply") == "support-reply"


@pytest.mark.parametrize(
    ("name", "taken", "free"),
    [
        ("a/b", (), "a/b"),
        ("a/b", ("a/b",), "a/b-2"),
        ("a/b", ("a/b", "a/b-2"), "a/b-3"),
        ("a" * 60, ("a" * 60,), "a" * 58 + "-2"),
        ("a" * 255, ("a" * 255,), "a" * 253 + "-2"),
        ("a" * 252 + "/bb", ("a" * 252 + "/bb",), "a" * 252 + "-2"),
    ],
)
def test_a_number_makes_it_free(name, taken, free):
    assert number_name(name, taken) == free
    validate_name(free)


def archived(name):
    versions = [ArchivedVersion(number=number, content=f"{number}") for number in (1, 2)]
    return Archived(name=name, title="t", versions=tuple(versions))


@pytest.mark.parametrize("name", ["a/b", "a.versions", LONG, f"x/{'b' * 253}", "a" * 240])
def test_files_hold_any_name(tmp_path, name):
    files = serialise(archived(name))
    for path, raw in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)  # an operating system that takes 255 bytes takes it
    [newest] = (path for path in files if ".versions/" not in path)
    assert parse(newest, files).name == name


def test_names_that_are_cut_alike_have_files_of_their_own():
    first, second = (set(serialise(archived("a" * 250 + last))) for last in "bc")
    assert not first & second


pytestmark = pytest.mark.django_db


def make(name, **fields):
    fields = {"title": name[-40:], "content": f"Text of {name[:20]}."} | fields
    return services.create_prompt(name=name, **fields)


def test_programs_and_templates_find_it():
    make("house/tone", content="Be calm.")
    services.move_label(
        prompt_id=Prompt.objects.get().pk, label="production", number=1, reason="first"
    )
    make("support/mustache", content="{{> house/tone }} Go.", syntax="mustache")
    make("support/jinja", content='{% include "house/tone@latest" %} Go.', syntax="jinja")
    for name in ("support/mustache", "support/jinja"):
        assert interface.render(name, {}, label="latest").text == "Be calm. Go."
    assert interface.find_prompt("house/tone@production").number == 1
    assert interface.find_prompt("house/tone:1").name == "house/tone"


def test_a_traversal_is_no_include():
    with pytest.raises(InvalidInputError):
        make("a", content="{{> ../tone }}", syntax="mustache")


def test_a_directory_has_the_folders_and_prunes_no_more_than_its_own(tmp_path):
    for name in ("a", "a/b", "a/c/d", LONG):
        prompt = make(name)
        services.edit_prompt(prompt_id=prompt.pk, content="Second.")
    target = tmp_path / "out"
    call_command("export_prompts", str(target), stdout=io.StringIO())
    assert (target / "a" / "c" / "d.versions" / "0001.md").is_file()
    theirs = [target / "README.md", target / "a" / "notes.md", target / ".git" / "x.md"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("---\ntitle: mine\n---\nnumber: 5\n", encoding="utf-8")
    ids = dict(Prompt.objects.values_list("name", "pk"))
    services.delete_prompt(prompt_id=ids["a/c/d"])
    services.purge_prompts([ids["a/c/d"]])
    call_command("export_prompts", str(target), "--prune", stdout=io.StringIO())
    assert not (target / "a" / "c").exists()
    assert all(path.is_file() for path in theirs)
    for path in theirs:
        path.unlink()
    keys = list(Prompt.objects.values_list("pk", flat=True))
    for key in keys:
        services.delete_prompt(prompt_id=key)
    services.purge_prompts(keys)
    call_command("import_prompts", str(target), stdout=io.StringIO(), stderr=io.StringIO())
    assert set(Prompt.objects.values_list("name", "current_version")) == {
        ("a", 2), ("a/b", 2), (LONG, 2)
    }  # fmt: skip


def test_an_import_keeps_the_folders_of_a_column(tmp_path):
    source = tmp_path / "p.csv"
    source.write_text("name,title,content\nx/y,A,1\nx/y,B,2\n", encoding="utf-8")
    call_command("import_prompts", str(source), stdout=io.StringIO(), stderr=io.StringIO())
    assert set(Prompt.objects.values_list("name", flat=True)) == {"x/y", "x/y-2"}


def test_a_page_shows_the_tree_and_leads_to_each_folder(admin_client: Client):
    for name in (
        "a-b/x",
        "a/x",
        "a/c/y",
        "a/c/z",
        "plain",
        "ac/x",
        "東京/x",
        "a/b/c/d/e/f/g/h/i/j/k",
    ):
        make(name)
    page = admin_client.get("/admin/prompts/prompt/folders/")
    tree = page.context["folders"]
    assert [(folder.path, folder.count) for folder in tree] == [
        ("a", 4), ("a-b", 1), ("ac", 1), ("東京", 1)
    ]  # fmt: skip
    assert [(folder.path, folder.count) for folder in tree[0].children] == [("a/b", 1), ("a/c", 2)]
    links = re.findall(r'href="([^"]*[?]folder=[^"]*)"', page.content.decode())
    assert len(links) == 14
    for link, names in {links[-1]: {"東京/x"}, "?folder=a/c": {"a/c/y", "a/c/z"}}.items():
        inside = admin_client.get(urljoin("/admin/prompts/prompt/", link))
        assert inside.status_code == 200, (link, inside.headers)
        assert {prompt.name for prompt in inside.context["cl"].result_list} == names
    [chosen] = [spec for spec in inside.context["cl"].filter_specs if spec.title == "folder"]
    assert chosen.lookup_choices == [("a", "a"), ("a/c", "a/c")]


@pytest.mark.parametrize("folder", ["nowhere", "A", "../x", "%", "_", "a/", "\0", "x" * 5000, "'"])
def test_a_folder_that_is_none_is_an_empty_list(admin_client: Client, folder):
    make("a/b")
    page = admin_client.get("/admin/prompts/prompt/", {"folder": folder}, follow=True)
    assert page.status_code == 200
    redirected = bool(page.redirect_chain)
    assert redirected or not page.context["cl"].result_list


def test_the_page_without_folders_says_how_to_make_one(admin_client: Client):
    make("plain")
    page = admin_client.get("/admin/prompts/prompt/folders/")
    assert "No prompt is in a folder yet" in page.content.decode()
    listed = admin_client.get("/admin/prompts/prompt/")
    assert "folder" not in {spec.title for spec in listed.context["cl"].filter_specs}


def test_the_page_says_where_it_cuts(admin_client: Client, monkeypatch):
    monkeypatch.setattr("prompts.admin.folders.MOST_NAMES", 2)
    for number in range(3):
        make(f"f{number}/x")
    page = admin_client.get("/admin/prompts/prompt/folders/")
    assert [folder.path for folder in page.context["folders"]] == ["f0", "f1"]
    assert "Only the first 2 names are shown" in page.content.decode()


def test_the_page_asks_for_the_right_to_see_prompts(client: Client, django_user_model):
    client.force_login(django_user_model.objects.create_user("nobody", is_staff=True))
    assert client.get("/admin/prompts/prompt/folders/").status_code == 403
