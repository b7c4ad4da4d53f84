"""API keys: made once, hashed, refused at once when they are revoked, rotated with an overlap."""

import io
import json
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import RequestFactory
from django.utils import timezone
from django.utils.crypto import salted_hmac

from core.access import authentication, known, secrets, services
from core.access.authentication import NotAuthenticatedError, authenticate
from core.access.models import ApiKey
from core.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def roles():
    """Have the roles, which tests that empty the tables leave behind without their permissions."""
    if not Group.objects.filter(name="Viewer", permissions__isnull=False).exists():
        call_command("sync_roles", stdout=io.StringIO())


def request_with(header: str):
    return RequestFactory().get("/api/v1/me", headers={"Authorization": header})


def let_in(key: str):
    return authenticate(request_with(f"Bearer {key}"))


def test_a_key_is_stored_as_a_keyed_hash_alone(settings):
    new = services.create_key(name="website", role="Editor")

    row = ApiKey.objects.get()
    stored = json.dumps({name: str(value) for name, value in vars(row).items()})
    assert new.text not in stored
    assert new.text[len(row.prefix) + 1 :] not in stored
    assert row.prefix == new.text[: secrets.PREFIX_LENGTH]
    assert row.digest == secrets.hash_key(new.text)
    settings.SECRET_KEY = "another key, with which nothing that was hashed before is known"
    assert secrets.hash_key(new.text) != row.digest


def test_keys_are_random_and_bear_a_checksum():
    keys = {secrets.make_key() for _ in range(500)}

    assert len(keys) == 500
    for key in keys:
        assert len(key) == secrets.KEY_LENGTH
        assert secrets.is_well_formed(key)
    key = keys.pop()
    for place in range(len(secrets.PREFIX), len(key)):
        wrong = "A" if key[place] != "A" else "B"
        assert not secrets.is_well_formed(key[:place] + wrong + key[place + 1 :])


def test_the_caller_acts_under_the_keys_name_with_its_roles_permissions():
    new = services.create_key(name="nightly", role="Editor", requests_per_minute=7)

    caller = let_in(new.text)
    assert (caller.kind, caller.name, caller.role) == ("key", "nightly", "Editor")
    assert caller.requests_per_minute == 7
    assert caller.may("prompts.move_label")
    assert not caller.may("prompts.move_protected_label")
    assert not caller.may("access.add_apikey")


@pytest.mark.parametrize("user", ["autoforge", "", "pk-lf-anything", "名前"])
def test_a_key_is_the_password_of_basic_and_the_user_is_free(user):
    import base64

    new = services.create_key(name="langfuse", role="Viewer")
    value = base64.b64encode(f"{user}:{new.text}".encode()).decode()
    assert authenticate(request_with(f"Basic {value}")).name == "langfuse"
    assert authenticate(request_with(f"basic  {value}")).name == "langfuse"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "access.no-credentials"),
        ("Bearer", "access.scheme"),
        ("Bearer  ", "access.scheme"),
        ("Basic %%%", "access.basic-broken"),
        ("Basic 4pi=", "access.basic-broken"),
        ("Basic " + "Og==", "access.unknown-credentials"),
        ("Digest abc", "access.scheme"),
        ("Bearer af_short", "access.key-mistyped"),
        ("Bearer af_" + "ü" * 47, "access.key-mistyped"),
        ("Bearer sk-something", "access.unknown-credentials"),
        ("Bearer {key}", "access.key-unknown"),
    ],
)
def test_what_proves_nothing_is_refused_and_never_repeated(header, code):
    header = header.replace("{key}", secrets.make_key())  # another one each time
    with pytest.raises(NotAuthenticatedError) as refusal:
        authenticate(request_with(header))

    assert refusal.value.code == code
    secret = header.partition(" ")[2].strip()
    assert not secret or secret not in f"{refusal.value} {refusal.value!r}"


def test_a_mistyped_key_costs_no_query(django_assert_num_queries):
    with django_assert_num_queries(0), pytest.raises(NotAuthenticatedError):
        let_in("af_" + "x" * 47)


@pytest.mark.django_db(transaction=True)
def test_a_known_key_costs_no_query_and_an_unknown_one_one(django_assert_num_queries):
    new = services.create_key(name="fast", role="Viewer")
    with django_assert_num_queries(2):  # the key with its permissions, and its last use
        let_in(new.text)
    with django_assert_num_queries(0):
        let_in(new.text)
    with django_assert_num_queries(1), pytest.raises(NotAuthenticatedError):
        let_in(secrets.make_key())


@pytest.mark.django_db(transaction=True)
def test_what_changes_a_key_counts_at_once():
    new = services.create_key(name="short-lived", role="Editor")
    assert let_in(new.text).may("prompts.move_label")

    permission = Permission.objects.get(codename="move_label")
    Group.objects.get(name="Editor").permissions.remove(permission)
    assert not let_in(new.text).may("prompts.move_label")

    services.edit_key(key_id=new.row.pk, requests_per_minute=1, usd_per_day=None)
    assert let_in(new.text).requests_per_minute == 1

    services.revoke_key(key_id=new.row.pk)
    with pytest.raises(NotAuthenticatedError):
        let_in(new.text)


@pytest.mark.django_db(transaction=True)
def test_a_change_in_another_process_counts_at_once(settings):
    new = services.create_key(name="elsewhere", role="Editor")
    let_in(new.text)
    ApiKey.objects.update(revoked_at=timezone.now())  # as another process does: no word to this one
    let_in(new.text)  # still known: nothing has said that anything changed

    script = (
        "import sys, django; from django.conf import settings;"
        "settings.configure(MARKS_FOLDER=sys.argv[1], HAS_REDIS=False, INSTALLED_APPS="
        "['django.contrib.contenttypes', 'django.contrib.auth']); django.setup();"
        "from core.access import known; known._change_stamp()"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(settings.MARKS_FOLDER)],
        check=True,
        env={"PYTHONPATH": str(settings.RESOURCES)},
    )
    with pytest.raises(NotAuthenticatedError):
        let_in(new.text)


@pytest.mark.django_db(transaction=True)
def test_without_any_word_a_key_is_asked_for_again_after_seconds(monkeypatch):
    new = services.create_key(name="far away", role="Editor")
    let_in(new.text)
    ApiKey.objects.update(revoked_at=timezone.now())
    now = known.time.monotonic()
    monkeypatch.setattr(known.time, "monotonic", lambda: now + known.SECONDS + 0.1)
    with pytest.raises(NotAuthenticatedError):
        let_in(new.text)


def test_a_folder_that_cannot_be_written_is_said(settings, tmp_path, caplog):
    blocker = tmp_path / "file"
    blocker.touch()
    settings.MARKS_FOLDER = blocker / "folder"
    known._change_stamp()
    assert "cannot be written" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_expired_key_is_refused_though_it_is_known(monkeypatch):
    soon = timezone.now() + timedelta(hours=1)
    new = services.create_key(name="trial", role="Viewer", expires_at=soon)
    let_in(new.text)
    later = authentication.time.time() + 3601
    monkeypatch.setattr(authentication.time, "time", lambda: later)
    with pytest.raises(NotAuthenticatedError):
        let_in(new.text)


@pytest.mark.django_db(transaction=True)
def test_the_last_use_is_kept_to_the_minute():
    new = services.create_key(name="seen", role="Viewer")
    updated = ApiKey.objects.get().updated_at
    let_in(new.text)
    row = ApiKey.objects.get()
    assert row.last_used_at is not None
    assert row.updated_at == updated


def test_rotation_leaves_the_old_key_working_for_a_while():
    expires = timezone.now() + timedelta(days=10)
    old = services.create_key(
        name="website", role="Editor", expires_at=expires, requests_per_minute=5
    )
    new = services.rotate_key(key_id=old.row.pk, overlap=timedelta(hours=1), created_by="aiko")

    assert let_in(old.text).name == let_in(new.text).name == "website"
    assert new.row.requests_per_minute == 5
    assert new.row.created_by == "aiko"
    assert abs(new.row.expires_at - expires) < timedelta(minutes=1)
    old.row.refresh_from_db()
    assert old.row.expires_at < timezone.now() + timedelta(hours=1, minutes=1)
    assert services.find_key("website").pk == new.row.pk
    assert services.find_key(old.row.prefix).pk == old.row.pk


def test_rotation_never_prolongs_the_old_key():
    expires = timezone.now() + timedelta(minutes=5)
    old = services.create_key(name="website", role="Editor", expires_at=expires)
    services.rotate_key(key_id=old.row.pk)
    old.row.refresh_from_db()
    assert abs(old.row.expires_at - expires) < timedelta(seconds=1)


def test_what_is_not_in_use_cannot_be_rotated():
    new = services.create_key(name="gone", role="Viewer")
    services.revoke_key(key_id=new.row.pk)
    first = ApiKey.objects.get().revoked_at
    services.revoke_key(key_id=new.row.pk)
    assert ApiKey.objects.get().revoked_at == first
    with pytest.raises(services.KeyRefusedError, match="revoked or expired"):
        services.rotate_key(key_id=new.row.pk)
    with pytest.raises(InvalidInputError):
        services.rotate_key(key_id=new.row.pk, overlap=timedelta(seconds=-1))
    with pytest.raises(NotFoundError):
        services.find_key("nobody")


def test_nobody_gives_away_more_than_they_have():
    viewer = frozenset({"prompts.view_prompt"})
    with pytest.raises(InvalidInputError) as refusal:
        services.create_key(name="more", role="Administrator", granted=viewer)
    assert refusal.value.problems["role"].code == "key.role-above-maker"
    old = services.create_key(name="strong", role="Administrator")
    with pytest.raises(services.KeyRefusedError):
        services.rotate_key(key_id=old.row.pk, granted=viewer)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "taken"}, "name"),
        ({"role": "King"}, "role"),
        ({"role": ""}, "role"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "expires_at"),
        ({"requests_per_minute": -1}, "requests_per_minute"),
        ({"usd_per_day": "much"}, "usd_per_day"),
    ],
)
def test_what_no_key_may_be_is_refused_at_its_field(fields, field):
    services.create_key(name="taken", role="Viewer")
    with pytest.raises(InvalidInputError) as refusal:
        services.create_key(**({"name": "new", "role": "Viewer"} | fields))
    assert list(refusal.value.problems) == [field]
    assert ApiKey.objects.count() == 1


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_writes_the_key_alone_on_the_last_line():
    output = run("create", "website", "--role", "Publisher", "--expires", "90d")
    key = output.splitlines()[-1]
    assert let_in(key).role == "Publisher"
    row = ApiKey.objects.get()
    assert timedelta(days=89) < row.expires_at - timezone.now() < timedelta(days=91)

    listed = run("list")
    assert "website" in listed
    assert key not in listed
    [entry] = json.loads(run("list", "--format", "json"))
    assert entry["is_usable"] is True
    assert "digest" not in entry

    following = run("rotate", "website", "--overlap", "1h").splitlines()[-1]
    assert let_in(following).role == let_in(key).role
    assert "is revoked" in run("revoke", row.prefix)
    with pytest.raises(NotAuthenticatedError):
        let_in(key)
    assert let_in(following)


@pytest.mark.parametrize(
    "arguments",
    [
        ("create", "x", "--role", "King"),
        ("create", "x"),
        ("create", "x", "--role", "Viewer", "--expires", "soon"),
        ("create", "x", "--role", "Viewer", "--expires", "0d"),
        ("create", "x", "--role", "Viewer", "--usd-per-day", "-1"),
        ("create", "x", "--role", "Viewer", "--usd-per-day", "much"),
        ("create", "", "--role", "Viewer"),
        ("rotate", "nobody"),
        ("revoke", "nobody"),
        (),
    ],
)
def test_the_command_refuses_in_one_sentence(arguments):
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert "\n" not in str(refusal.value)
    assert not ApiKey.objects.exists()


def test_the_command_lists_nothing_where_there_is_nothing():
    assert run("list") == "There are no keys.\n"


@pytest.mark.django_db(transaction=True)
def test_many_threads_with_one_key():
    new = services.create_key(name="busy", role="Viewer")
    names = []

    def call() -> None:
        try:
            for _ in range(20):
                names.append(let_in(new.text).name)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["busy"] * 160


@pytest.mark.parametrize("secret_key", ["one", "two", "鍵"])
def test_the_hash_is_the_one_that_django_makes(settings, secret_key):
    settings.SECRET_KEY = secret_key
    text = secrets.make_key()
    expected = salted_hmac("autoforge.access.key", text, algorithm="sha256").hexdigest()
    assert secrets.hash_key(text) == expected
    assert secrets.hash_key("\ud800") != expected  # nothing that a header may hold is an error
