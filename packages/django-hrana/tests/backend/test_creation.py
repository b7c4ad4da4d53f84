"""Test databases: namespaces where there is an admin API, else a scratch database with a marker."""

import re
import subprocess
import sys
import textwrap

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import ConnectionHandler

from django_hrana import driver


@pytest.fixture
def wrapper(libsql_server, namespace):
    """Return a function that makes Django's wrapper with some TEST settings."""

    def make(**test):
        entry = {
            "ENGINE": "django_hrana",
            "NAME": libsql_server.url,
            "OPTIONS": {"namespace": namespace},
            "TEST": test,
        }
        handler = ConnectionHandler({"default": entry})
        return handler["default"]

    return make


def tables(url: str) -> set[str]:
    connection = driver.connect(url, autocommit=True)
    try:
        rows = connection.cursor().execute("SELECT name FROM sqlite_master").fetchall()
    finally:
        connection.close()
    return {name for (name,) in rows}


def run(url: str, *statements: str) -> None:
    connection = driver.connect(url, autocommit=True)
    for sql in statements:
        connection.cursor().execute(sql)
    connection.close()


def test_with_an_admin_api_each_run_has_its_own(wrapper, libsql_server, namespace):
    connection = wrapper(ADMIN_URL=libsql_server.admin_url)
    url = connection.creation._create_test_db(verbosity=0, autoclobber=True)
    assert re.fullmatch(
        rf"{re.escape(libsql_server.url)}\?namespace=test-{namespace}-[0-9a-f]{{10}}", url
    )
    run(url, "CREATE TABLE t (x)")
    connection.settings_dict["NAME"] = url
    connection.creation._clone_test_db("1", verbosity=0)
    clone = connection.creation.get_test_db_clone_settings("1")["NAME"]
    assert clone == f"{url}-1"
    assert tables(clone) == {"t"}
    assert connection.creation._create_test_db(0, autoclobber=True, keepdb=True).startswith(url)
    assert tables(url) == {"t"}
    for one in (url, clone):
        connection.creation._destroy_test_db(one, verbosity=0)
        with pytest.raises(driver.DatabaseNotFound, match="has no such database"):
            tables(one)


@pytest.mark.parametrize(
    ("name", "namespace_of"),
    [
        ("autoforge-tests", "autoforge-tests"),
        ("test_http://127.0.0.1:80_gw0", "test_http-127-0-0-1-80_gw0"),
        ("テスト", "test"),
        ("x" * 100, "x" * 63),
    ],
)
def test_names_become_namespaces(wrapper, libsql_server, name, namespace_of):
    creation = wrapper(ADMIN_URL=libsql_server.admin_url, NAME=name).creation
    assert creation._get_test_db_name() == f"{libsql_server.url}?namespace={namespace_of}"


RUN_OF_ANOTHER_MACHINE = """
    import sys
    from django.conf import settings
    name, admin_url, process_suffix = sys.argv[1:]
    test = {"ADMIN_URL": admin_url}
    if process_suffix:  # as pytest-django names the databases of pytest-xdist's processes
        test["NAME"] = f"test_{name}_{process_suffix}"
    settings.configure(
        DATABASES={"default": {"ENGINE": "django_hrana", "NAME": name, "TEST": test}}
    )
    import django
    django.setup()
    from django.db import connection
    url = connection.creation._create_test_db(verbosity=0, autoclobber=True)
    connection.settings_dict["NAME"] = url
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (x)")
    print(url, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("process_suffix", ["", "gw0"])
def test_two_machines_use_one_server_and_leave_nothing(libsql_server, process_suffix):
    """They end without having removed their databases, as after Ctrl-C in the wrong moment."""
    code = textwrap.dedent(RUN_OF_ANOTHER_MACHINE)
    arguments = [libsql_server.url, libsql_server.admin_url, process_suffix]
    command = [sys.executable, "-c", code, *arguments]
    runs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    urls = [run.stdout.readline().strip() for run in runs]
    assert len(set(urls)) == 2
    for url in urls:
        assert url.endswith(process_suffix)
        assert tables(url) == {"t"}
    for run in runs:
        run.communicate("\n")
        assert run.returncode == 0
    for url in urls:
        with pytest.raises(driver.DatabaseNotFound):
            tables(url)


def test_somebodys_data_is_never_wiped(wrapper, libsql_server, namespace):
    url = f"{libsql_server.url}?namespace={namespace}"
    run(url, "CREATE TABLE precious (x)")
    creation = wrapper(NAME=url).creation
    with pytest.raises(
        ImproperlyConfigured, match=r"1 tables that was not created for tests\. Nothing"
    ):
        creation._create_test_db(verbosity=0, autoclobber=True)
    assert tables(url) == {"precious"}


def test_a_scratch_database_is_emptied_before_and_after(wrapper, libsql_server, namespace):
    url = f"{libsql_server.url}?namespace={namespace}"
    creation = wrapper(NAME=url).creation
    assert creation._create_test_db(verbosity=0, autoclobber=True) == url
    run(
        url,
        "CREATE TABLE a (id INTEGER PRIMARY KEY)",
        "CREATE TABLE b (a REFERENCES a (id))",
        "CREATE VIEW c AS SELECT * FROM b",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO b VALUES (1)",
    )
    creation._create_test_db(verbosity=0, autoclobber=True)
    assert tables(url) == {"_libsql_test_database"}
    run(url, "CREATE TABLE a (x)")
    creation._destroy_test_db(url, verbosity=0)
    assert tables(url) == {"_libsql_test_database"}


def test_without_either_it_says_what_to_set(wrapper):
    with pytest.raises(ImproperlyConfigured, match="set ADMIN_URL to the admin API"):
        wrapper().creation._get_test_db_name()


def test_parallel_tests_need_the_admin_api(wrapper, libsql_server):
    connection = wrapper(NAME=libsql_server.url)
    assert not connection.features.can_clone_databases
    with pytest.raises(ImproperlyConfigured, match=r"run them without --parallel"):
        connection.creation._clone_test_db("1", verbosity=0)


@pytest.mark.parametrize(
    ("command", "status", "shown"),
    [
        (
            "SELECT 1 AS 数, NULL AS n, x'ff' AS b;",
            0,
            "数  n     b\n--  ----  -----\n1   NULL  x'ff'\n",
        ),
        ("CREATE TABLE t (x); INSERT INTO t VALUES (1);", 1, ""),
        ("nonsense;", 1, ""),
        (".help", 0, ".tables"),
    ],
)
def test_our_shell(libsql_server, namespace, command, status, shown, capsys):
    from django_hrana.driver.shell import main

    assert main([libsql_server.url, "--namespace", namespace, "-c", command]) == status
    assert shown in capsys.readouterr().out


def test_dbshell_takes_the_token_from_the_environment(wrapper):
    client = wrapper().client
    entry = {"NAME": "libsql://h.io", "OPTIONS": {"auth_token": "s3cret", "namespace": "a"}}
    command, environment = client.settings_to_cmd_args_env(entry, [])
    assert "s3cret" not in " ".join(command)
    assert environment == {"LIBSQL_AUTH_TOKEN": "s3cret"}
    assert command[1:] == ["-m", "django_hrana.driver.shell", "libsql://h.io", "--namespace", "a"]


def test_a_token_in_the_name_goes_where_nothing_prints_it(libsql_server):
    def make(name: str, **options):
        entry = {"ENGINE": "django_hrana", "NAME": name, "OPTIONS": options}
        return ConnectionHandler({"default": entry})["default"]

    connection = make("libsql://h.io?authToken=s3cret&namespace=a")
    assert connection.settings_dict["NAME"] == "libsql://h.io?namespace=a"
    assert connection.settings_dict["OPTIONS"] == {"auth_token": "s3cret"}
    assert connection.get_connection_params()["auth_token"] == "s3cret"
    command, environment = connection.client.settings_to_cmd_args_env(connection.settings_dict, [])
    assert "s3cret" not in " ".join(command)
    assert environment == {"LIBSQL_AUTH_TOKEN": "s3cret"}
    assert (
        make("libsql://h?authToken=a", auth_token="b").get_connection_params()["url"]
        == "libsql://h"
    )
    assert make("libsql://h?authToken=a", auth_token="b").settings_dict["OPTIONS"] == {
        "auth_token": "b"
    }
    with pytest.raises(ImproperlyConfigured, match="has authToken= twice") as caught:
        make("libsql://h?authToken=s3cret&authToken=s3cret").get_connection_params()
    assert "s3cret" not in str(caught.value)


def test_tests_read_no_replica(wrapper, libsql_server, django_db_blocker, tmp_path):
    """Its files would be made anew with each run, and tests look at what the server does."""
    connection = wrapper(ADMIN_URL=libsql_server.admin_url)
    connection.settings_dict["OPTIONS"]["replica"] = tmp_path / "replica.db"
    with django_db_blocker.unblock():
        url = connection.creation._create_test_db(0, autoclobber=True)
        connection.creation._destroy_test_db(url, 0)
    assert "replica" not in connection.settings_dict["OPTIONS"]
