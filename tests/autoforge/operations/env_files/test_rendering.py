"""Templates: generated from the table, checked, and filled whole or not at all."""

import os
from pathlib import Path

import pytest
import yaml

from autoforge.environment import VARIABLES, load
from autoforge.environment.files import parse_variables
from autoforge.operations.env_files.checking import check_file
from autoforge.operations.env_files.errors import RefusedError
from autoforge.operations.env_files.generating import (
    find_placeholder_name,
    generate_template,
    list_outdated,
    update_guide,
    update_workflow,
)
from autoforge.operations.env_files.rendering import list_entries, render
from autoforge.operations.env_files.strength import KEY_BITS, find_weakness, make_secret
from autoforge.operations.env_files.templates import check_template
from autoforge.operations.env_files.values_file import fill_values_file, write_local_file
from tests.support.compose_env_files import read_env_file

ROOT = Path(__file__).resolve().parents[4]
DEPLOYED = ["staging", "production"]
TEMPLATE = "# c\nA=${PROD_A}\n\n# optional\nB=${PROD_B}\nC=${PROD_C}\n"


def test_values_come_from_the_process_before_the_file():
    text = render(
        TEMPLATE, "production", {"PROD_A": "1", "PROD_C": " "}, {"PROD_A": "2", "PROD_C": "it's $5"}
    )
    assert text.splitlines()[1:] == ["A=1", 'C="it\'s \\$5"']
    assert parse_variables(text) == read_env_file(text) == {"A": "1", "C": "it's $5"}


@pytest.mark.parametrize(
    ("template", "process", "values", "sentence"),
    [
        (TEMPLATE, {}, {}, "empty or not set: PROD_A, PROD_C"),
        (TEMPLATE, {"PROD_A": "1", "PROD_C": "  "}, {}, "empty or not set: PROD_C"),
        (
            TEMPLATE,
            {"PROD_A": "x\ny", "PROD_B": "'`", "PROD_C": "z\n"},
            {},
            "with a line break: PROD_A, PROD_C; with a backtick together with a quote or a "
            "backslash at its end: PROD_B",
        ),
        (
            "A=plain\nB=${PROD_B}\n",
            {},
            {},
            "not a placeholder: A (line 1); empty or not set: PROD_B",
        ),
        (
            TEMPLATE,
            {"PROD_A": "1", "PROD_C": "1"},
            {"PROD_BB": "1", "COLOUR": "2"},
            "not in the template: PROD_BB (did you mean PROD_B?), COLOUR",
        ),
        (
            "APP_ENV=${PROD_APP_ENV}\n",
            {"PROD_APP_ENV": "staging"},
            {},
            "PROD_APP_ENV is not production",
        ),
    ],
)
def test_everything_that_is_wrong_is_named_at_once(template, process, values, sentence):
    with pytest.raises(RefusedError) as refusal:
        render(template, "production", process, values)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("app_env", DEPLOYED)
def test_a_template_demands_what_the_product_needs(app_env):
    entries = list(list_entries(generate_template(app_env)))
    assert [entry.name for entry in entries] == [
        variable.name for variable in VARIABLES if app_env in variable.environments
    ]
    turso = "TURSO_STAGING" if app_env == "staging" else "TURSO"
    assert [entry.name for entry in entries if not entry.optional] == [
        *("APP_ENV", "SECRET_KEY", "ALLOWED_HOSTS"),
        *(f"{turso}_DATABASE_URL", f"{turso}_AUTH_TOKEN"),
    ]


@pytest.mark.parametrize("app_env", DEPLOYED)
def test_from_nothing_to_a_file_that_starts(tmp_path, app_env):
    prefix = {"staging": "STAGING", "production": "PROD"}[app_env]
    values_file = tmp_path / "values"
    fill_values_file(values_file, app_env)
    values = parse_variables(values_file.read_text())
    values |= {
        f"{prefix}_ALLOWED_HOSTS": "a.example.com",
        f"{prefix}_TURSO_DATABASE_URL": "libsql://a.turso.io",
        f"{prefix}_TURSO_AUTH_TOKEN": "eyJ0",
        f"{prefix}_APP_NAME": "Our `$5` shop",
        f"{prefix}_REDIS_HOST": "redis",
    }
    path = tmp_path / ".env"
    path.write_text(render(generate_template(app_env), app_env, {}, values))
    path.chmod(0o600)
    assert check_file(path, app_env, tmp_path, ".env") == []
    environment = load({}, tmp_path)
    assert (environment.app_env, environment.app_name) == (app_env, "Our `$5` shop")
    assert environment.secret_key == values[f"{prefix}_SECRET_KEY"]
    assert environment.notes == ()


@pytest.mark.parametrize("app_env", DEPLOYED)
def test_the_committed_template_is_right(app_env):
    assert check_template(ROOT / f".env.{app_env}", app_env, f".env.{app_env}") == []


def test_a_wrong_template_gets_its_sentences(tmp_path):
    text = generate_template("staging")
    for before, after in (
        ("DEBUG=${STAGING_DEBUG}", "DEBUG=true"),
        ("PORT=${STAGING_PORT}", "PORT=${STAGING_PROT}"),
        ("HOST=${STAGING_HOST}", "HSOT=${STAGING_HOST}"),
        ("SECRET_KEY=${STAGING_SECRET_KEY}", "# optional\nSECRET_KEY=${STAGING_SECRET_KEY}"),
        ("LOG_LEVEL=${STAGING_LOG_LEVEL}", "LOG_LEVEL"),
    ):
        assert f"\n{before}\n" in text
        text = text.replace(f"\n{before}\n", f"\n{after}\n", 1)
    text += "TURSO_DATABASE_URL=x\nQUEUE=${STAGING_QUEUE}\n"
    path = tmp_path / ".env.staging"
    path.write_text(text)
    anew = "`make env-files` writes the template anew."
    line = {content: number for number, content in enumerate(text.splitlines(), start=1)}
    assert [str(problem) for problem in check_template(path, "staging", path.name)] == [
        f".env.staging:{line['DEBUG=true']}: DEBUG has a value in a committed file; write "
        "DEBUG=${STAGING_DEBUG}, and keep the value in the deployment's secrets.",
        f".env.staging:{line['LOG_LEVEL']}: this line is not valid: a line of a template is "
        "NAME=${PLACEHOLDER}, a comment or empty.",
        f".env.staging:{line['HSOT=${STAGING_HOST}']}: HSOT is not a variable of AutoForge in "
        "staging: did you mean HOST?",
        f".env.staging:{line['PORT=${STAGING_PROT}']}: the placeholder of PORT is STAGING_PROT; "
        "it must be STAGING_PORT.",
        f".env.staging:{line['SECRET_KEY=${STAGING_SECRET_KEY}']}: SECRET_KEY is required; "
        "remove the line “# optional” above it.",
        f".env.staging:{line['TURSO_DATABASE_URL=x']}: TURSO_DATABASE_URL is not a variable of "
        "AutoForge in staging: did you mean TURSO_STAGING_DATABASE_URL?",
        f".env.staging:{line['TURSO_DATABASE_URL=x']}: TURSO_DATABASE_URL has a value in a "
        "committed file; remove the line.",
        f".env.staging: LOG_LEVEL is not in the template; {anew}",
        f".env.staging: HOST is not in the template; {anew}",
        f".env.staging: QUEUE is in the template 2 times; {anew}",
    ]


def test_the_line_far_from_any_name_is_to_go(tmp_path):
    path = tmp_path / ".env.production"
    path.write_text(generate_template("production") + "COLOUR_OF_THE_SKY=${PROD_COLOUR}\n")
    [problem] = check_template(path, "production", path.name)
    assert problem.message == (
        "COLOUR_OF_THE_SKY is not a variable of AutoForge in production: remove the line."
    )


# --- Generated files ------------------------------------------------------------------------------


def test_a_workflow_gets_the_entries_that_it_lacks():
    text = (
        "jobs:\n  x:\n    env:\n"
        "      PROD_SECRET_KEY: ${{ secrets.PROD_SECRET_KEY }}\n"
        "      PROD_PORT: ${{ secrets.ELSEWHERE }}\n"
        "      PROD_DEPLOY_HOST: ${{ vars.PROD_DEPLOY_HOST }}\n"
        "    steps:\n"
        "      STAGING_URL: ${{ vars.STAGING_URL }}\n"
    )
    updated = update_workflow(text)
    assert update_workflow(updated) == updated
    document = yaml.safe_load(updated)["jobs"]["x"]
    names = [
        find_placeholder_name(variable, "production")
        for variable in VARIABLES
        if "production" in variable.environments
    ]
    assert list(document["env"]) == [*names, "PROD_DEPLOY_HOST"]
    assert document["env"]["PROD_PORT"] == "${{ secrets.ELSEWHERE }}"
    assert document["env"]["PROD_REDIS_PASSWORD"] == "${{ secrets.PROD_REDIS_PASSWORD }}"
    assert document["env"]["PROD_HOST"] == "${{ vars.PROD_HOST }}"
    assert document["steps"] == {"STAGING_URL": "${{ vars.STAGING_URL }}"}


def test_files_that_are_out_of_date_are_named(tmp_path):
    (tmp_path / "docs").mkdir()
    guide = tmp_path / "docs" / "environment.md"
    text = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    guide.write_text(text.replace("| `PORT` |", "| `PROT` |"), encoding="utf-8")
    outdated = dict(list_outdated(tmp_path))
    names = [".env.example", ".env.staging", ".env.production", "docs/environment.md"]
    assert [str(path.relative_to(tmp_path)) for path in outdated] == names
    assert outdated[guide] == text
    with pytest.raises(ValueError, match="the guide has no table of variables"):
        update_guide("# Environment\n")


# --- Secrets --------------------------------------------------------------------------------------


def test_secrets_are_made_kept_and_made_anew(tmp_path):
    path = tmp_path / ".env.staging.secrets"
    filled = fill_values_file(path, "staging")
    assert filled.generated == (
        "STAGING_SECRET_KEY",
        *(name for name in filled.generated if name != "STAGING_SECRET_KEY"),
    )
    assert set(filled.generated) >= {"STAGING_REDIS_PASSWORD", "STAGING_JWT_SECRET_KEY"}
    assert filled.to_fill == (
        *("STAGING_ALLOWED_HOSTS", "STAGING_TURSO_DATABASE_URL", "STAGING_TURSO_AUTH_TOKEN"),
    )
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    values = parse_variables(before)
    made = [values[name] for name in filled.generated]
    assert len(set(made)) == len(made)
    assert not [text for text in made if find_weakness(text, KEY_BITS) or len(text) < 50]
    assert "STAGING_APP_ENV" not in values
    assert set(values) == {
        find_placeholder_name(variable, "staging")
        for variable in VARIABLES
        if "staging" in variable.environments and variable.name != "APP_ENV"
    }
    again = fill_values_file(path, "staging")
    assert (again.generated, again.kept) == ((), filled.generated)
    assert path.read_text() == before
    for name in ("JWT_SECRET_KEY", "STAGING_JWT_SECRET_KEY"):
        assert fill_values_file(path, "staging", name).rotated == ("STAGING_JWT_SECRET_KEY",)
    after = parse_variables(path.read_text())
    different = [name for name in values if values[name] != after[name]]
    assert different == ["STAGING_JWT_SECRET_KEY"]


def test_what_somebody_left_empty_stays_empty(tmp_path):
    path = tmp_path / "values"
    path.write_text("# mine\nPROD_JWT_SECRET_KEY=\nPROD_SECRET_KEY=\nPROD_REDIS_URL=redis://:p@r")
    filled = fill_values_file(path, "production")
    assert "PROD_SECRET_KEY" in filled.generated
    assert not {"PROD_JWT_SECRET_KEY", "PROD_REDIS_PASSWORD"} & set(filled.generated)
    assert path.read_text().startswith("# mine\nPROD_JWT_SECRET_KEY=\nPROD_SECRET_KEY=")
    asked = fill_values_file(path, "production", "PROD_JWT_SECRET_KEY")
    assert asked.generated == ("PROD_JWT_SECRET_KEY",)


def test_a_laptops_file_is_completed(tmp_path):
    path = tmp_path / ".env.local"
    write_local_file(path)
    first = parse_variables(path.read_text())
    assert set(first) == {"SECRET_KEY", "JWT_SECRET_KEY"}
    assert fill_values_file(path, "local", "SECRET_KEY").rotated == ("SECRET_KEY",)
    assert parse_variables(path.read_text())["SECRET_KEY"] != first["SECRET_KEY"]
    with pytest.raises(RefusedError, match="exists"):
        write_local_file(path)
    write_local_file(path, replace=True)
    path.unlink()
    assert fill_values_file(path, "local").generated == ("SECRET_KEY", "JWT_SECRET_KEY")


def test_what_cannot_be_made_here(tmp_path):
    with pytest.raises(RefusedError) as refusal:
        fill_values_file(tmp_path / "values", "staging", "STAGING_TURSO_AUTH_TOKEN")
    assert str(refusal.value).startswith(
        "STAGING_TURSO_AUTH_TOKEN cannot be made here; what can be is SECRET_KEY, "
    )
    assert "turso token rotate" in str(refusal.value)
    assert not (tmp_path / "values").exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("short", "it is too short"),
        ("a" * 60, "it repeats itself"),
        ("changeme" * 8, "it repeats itself"),
        ("my-secret-key-for-production-my-secret-key-please", "it consists of words that are"),
        ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQR", "it has too few different"),
        ("", "it is too short"),
    ],
)
def test_weak_secrets(value, reason):
    assert find_weakness(value, KEY_BITS).startswith(reason)


def test_what_was_drawn_at_random_is_not_weak():
    for _ in range(500):
        assert not find_weakness(make_secret(), KEY_BITS)
        assert not find_weakness(os.urandom(16).hex(), KEY_BITS)
