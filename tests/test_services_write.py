"""Rows are written by services alone, and each service is a road that the product takes.

The code is read, not run: what calls the ORM's writing methods outside of the services is named
with its file and line. What looks like a write and is none of ours stands in `EXCEPTIONS`.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.test import RequestFactory

from core.admin import BaseAdmin, SoftDeleteAdmin
from core.deleting import RestoreSelected
from evaluations.models import Run

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("autoforge", "core", "prompts", "evaluations")
SERVICES = (
    "autoforge/operations/backups/services/",
    "core/access/services/",
    "core/events/services/",
    "prompts/services/",
    "evaluations/services/",
)
# The bases of all models: here the ORM's methods get their meaning.
BASES = ("core/models.py",)

# Whoever has these methods, it is the ORM's, or stands in EXCEPTIONS with its reason.
METHODS = {
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "hard_delete",
    "restore",
    "save",
    "update_or_create",
}
METHODS |= {f"a{name}" for name in METHODS}
METHODS |= {"_insert", "_raw_delete", "_update", "save_base"}
# A set has them too: a relation is told by its name.
OF_RELATIONS = {"add", "aadd", "aset", "clear", "aclear", "remove", "aremove", "set"}
# Django's admin writes by itself where its own method is called.
OF_THE_ADMIN = {"delete_model", "delete_queryset", "save_formset", "save_model", "save_related"}
STATEMENT = re.compile(
    r"\s*(INSERT\s+(OR\s|INTO\s)|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|REPLACE\s+INTO\s)"
)

COPY = "a copy of a whole database, or one that is replaced as a whole"
SESSION = "a session of Django's"
GROUPS = "groups of Django's, which migrations make with the tables of their own time"
CACHE = "a key of the cache"
QUEUE = "a table in the queue's file"
LOGINS = "failed logins, in a table of django-axes"
OBJECT = "an object in S3"
MEMORY = "a database in memory, on which migrations are tried"
JOURNAL = "the lock and journal of migrate_safely, in a table without a model"
SHOWN = "SQL that is shown or recognized, and not run"
STORE = "the engine's store, which is in the services"
# File and what its line holds → why it is no write of our rows. Each is one line, and still there.
EXCEPTIONS = {
    ("autoforge/cache.py", "super(RedisCache, self).delete("): CACHE,
    ("autoforge/health/probes/cache.py", "client.delete(key)"): CACHE,
    ("autoforge/health/probes/write.py", "rows.create("): "it asks for a write, and rolls it back",
    ("autoforge/operations/backups/keeping.py", "bucket.delete("): OBJECT,
    ("autoforge/operations/backups/snapshots.py", 'return f"INSERT INTO {quote(name)}'): COPY,
    ("autoforge/operations/backups/snapshots.py", 'copy.execute("DELETE FROM'): COPY,
    ("autoforge/operations/backups/snapshots.py", 'copy.executemany("INSERT'): COPY,
    ("autoforge/operations/backups/staging.py", "COUNT_ON: Final"): COPY,
    ("autoforge/operations/backups/staging.py", 'StatementRequest("DELETE'): COPY,
    ("autoforge/operations/backups/storage.py", "self._obstore.delete("): OBJECT,
    ("autoforge/operations/migrating/copies.py", "INSERT OR IGNORE INTO"): MEMORY,
    ("autoforge/operations/migrating/effects.py", 'rf"INSERT INTO'): SHOWN,
    ("autoforge/operations/migrating/reports.py", '"INSERT INTO {table}'): SHOWN,
    ("autoforge/operations/migrating/reports.py", "RECORD_BACKWARDS: Final"): SHOWN,
    ("autoforge/operations/migrating/runs.py", 'end = f"UPDATE'): JOURNAL,
    ("autoforge/operations/migrating/runs.py", 'insert = f"""'): JOURNAL,
    ("autoforge/operations/migrating/runs.py", 'sql = f"UPDATE'): JOURNAL,
    ("autoforge/workers/heartbeats.py", '"INSERT OR REPLACE INTO'): QUEUE,
    ("autoforge/workers/heartbeats.py", '"DELETE FROM workers'): QUEUE,
    ("autoforge/web/lockout.py", "of_name.delete()"): LOGINS,
    ("autoforge/web/lockout.py", "attempts.delete()"): LOGINS,
    ("core/bulk/jobs.py", "store.create()"): SESSION,
    ("core/bulk/jobs.py", "store.save()"): SESSION,
    ("core/bulk/jobs.py", "job.save(token)"): SESSION,
    ("core/bulk/jobs.py", "SessionStore(session_key=token).delete()"): SESSION,
    ("core/bulk/pages.py", "work.job.save(work.token)"): SESSION,
    ("core/bulk/pages.py", "work.job.save()"): SESSION,
    ("core/services.py", "chosen._raw_delete("): "how services delete many rows",
    ("core/roles.py", "group_model.objects.using(using).get_or_create("): GROUPS,
    ("core/roles.py", "group.permissions.add("): GROUPS,
    ("core/roles.py", "group.permissions.remove("): GROUPS,
    ("evaluations/demo/__init__.py", "store.save(finished)"): STORE,
    ("evaluations/engine/runner.py", "self.blocking(store.save, group)"): STORE,
    ("prompts/exporting/flat.py", "book.save(stream)"): "a workbook's file",
    ("prompts/releases_cache.py", "cache.delete(lock)"): CACHE,
}


@dataclass(frozen=True)
class Write:
    """A line that writes rows, or may."""

    number: int
    source: str


def list_relations() -> set[str]:
    """Return the names under which models have relations to many rows."""
    names: set[str] = set()
    for model in apps.get_models():
        for field in model._meta.get_fields():
            if field.one_to_many or field.many_to_many:
                accessor = getattr(field, "get_accessor_name", None)
                names.add(accessor() if accessor else field.name)
    return {name for name in names if name}


def find_writes(text: str, relations: set[str]) -> list[Write]:
    """Return the lines of a module that write rows by the ORM or by SQL, as far as can be read."""
    lines = text.splitlines()
    numbers = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Attribute) and node.attr in METHODS:
            numbers.add(node.end_lineno)
        elif isinstance(node, ast.Call) and is_write(node, relations):
            numbers.add(node.func.end_lineno)
        elif STATEMENT.match(read_text(node)):
            numbers.add(node.lineno)
    return [Write(number, lines[number - 1].strip()) for number in sorted(numbers)]


def read_text(node: ast.AST) -> str:
    """Return a string as it stands in the code, with x for what is put into it; else nothing."""
    if isinstance(node, ast.JoinedStr):
        return "".join(read_text(part) or "x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def is_write(call: ast.Call, relations: set[str]) -> bool:
    """Whether a call of a method that others have too is one of the ORM."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in {"update", "aupdate"}:
        # A query set takes names alone; a dict, a set or a digest takes values.
        return not call.args
    receiver = function.value
    if function.attr in OF_THE_ADMIN:
        # Of `super()` or of a class; an admin's own method calls a service.
        is_class = isinstance(receiver, ast.Name) and receiver.id[:1].isupper()
        return is_class or isinstance(receiver, ast.Call)
    is_relation = isinstance(receiver, ast.Attribute) and receiver.attr in relations
    return is_relation and function.attr in OF_RELATIONS


def list_modules() -> dict[str, str]:
    """Return path → text of the product's modules without migrations."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    names = {path: path.relative_to(ROOT).as_posix() for path in paths}
    return {
        name: path.read_text(encoding="utf-8")
        for path, name in sorted(names.items())
        if "/migrations/" not in name
    }


def test_rows_are_written_by_services_alone():
    relations = list_relations()
    guilty = []
    excepted = []
    for name, text in list_modules().items():
        if name.startswith(SERVICES) or name in BASES:
            continue
        for write in find_writes(text, relations):
            reasons = [key for key in EXCEPTIONS if key[0] == name and key[1] in write.source]
            excepted += reasons
            if not reasons:
                guilty.append(f"{name}:{write.number}: {write.source}")
    assert not guilty, "write this in a service:\n" + "\n".join(guilty)
    assert sorted(excepted) == sorted(EXCEPTIONS), "an exception is for one line that is there"


WRITES = [
    "super().save_model(request, obj, form, change)",
    "ModelAdmin.delete_model(self, request, obj)",
    "super().delete_queryset(request, queryset)",
    "obj.save()",
    'run.save(update_fields={"settings"})',
    "form.save()",
    "transaction.on_commit(row.delete)",
    "queryset.delete()",
    "rows.restore()",
    "Prompt.all_objects.deleted().hard_delete()",
    'Rating.objects.update_or_create(result=result, defaults={"passed": True})',
    'TestSuite.objects.create(name="a")',
    "Rating.objects.bulk_create(rows)",
    'Prompt.objects.bulk_update(rows, ["tags"])',
    'await Group.objects.aget_or_create(name="a")',
    "rows.update(worker='')",
    "Run.objects.filter(pk=run.pk).update(**fields)",
    "group.permissions.add(permission)",
    "suite.cases.clear()",
    "user.groups.set([group])",
    'cursor.execute("INSERT INTO test_suites (id) VALUES (%s)", [key])',
    'cursor.execute(f"UPDATE {table} SET name = %s", [name])',
    'sql = """\n    DELETE FROM ratings"""',
]
NO_WRITES = [
    "seen.add(name)",
    "values.update(other)",
    'digest.update(b"a")',
    "secrets.update([text])",
    "cache.set(key, value, timeout=3)",
    "token = patience.set(3)",
    "environment.filters.clear()",
    "group.permissions.all()",
    "self.delete_model(request, obj)",
    "admin.delete_queryset(request, rows)",
    "self.save_model",
    "services.delete_prompts(keys)",
    'label = _("Delete from the list")',
    'text = "UPDATE is a word"',
]


@pytest.mark.parametrize("source", WRITES)
def test_a_write_in_an_admin_is_seen(source):
    text = f"async def save_model(self, request, obj, form, change):\n    {source}\n"
    assert [write.number for write in find_writes(text, list_relations())] == [2]


@pytest.mark.parametrize("source", NO_WRITES)
def test_what_only_looks_like_a_write_is_let_through(source):
    assert find_writes(f"def view(self, request):\n    {source}\n", list_relations()) == []


# Pages of its own start and watch it; Django's form has none.
WITHOUT_A_FORM = {Run}


def test_every_admin_says_which_service_writes(admin_user):
    django_admin.autodiscover()  # pages are read late
    request = RequestFactory().get("/")
    request.user = admin_user
    silent = []
    for model, page in django_admin.site._registry.items():
        if model._meta.app_label not in {"events", "prompts", "evaluations"}:
            continue
        assert isinstance(page, BaseAdmin)
        may_save = page.has_add_permission(request) or page.has_change_permission(request)
        if may_save and model not in WITHOUT_A_FORM and not has_own(page, "save_model"):
            silent.append(f"{type(page).__name__}.save_model")
        if page.has_delete_permission(request):
            together = has_own(page, "delete_model") and has_own(page, "delete_queryset")
            if not together and not has_own(page, "delete_rows"):
                silent.append(f"{type(page).__name__}.delete_rows")
        # Prompts have an action of their own, which calls their service.
        restores = any(type(action) is RestoreSelected for action in page.actions)
        if restores and not has_own(page, "restore_rows"):
            silent.append(f"{type(page).__name__}.restore_rows")
    assert Run in django_admin.site._registry
    assert silent == []


def has_own(page: BaseAdmin, name: str) -> bool:
    """Whether an admin's class says itself what the bases leave open."""
    inherited = getattr(SoftDeleteAdmin, name)
    return getattr(type(page), name) not in (inherited, getattr(BaseAdmin, name, None))


def list_public(text: str) -> list[str]:
    """Return what a module's `__all__` names and defines as a function."""
    tree = ast.parse(text)
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [name for name in ast.literal_eval(node.value) if name in functions]
    return []


def list_used(text: str) -> set[str]:
    """Return the names that a module calls or hands on; a function's own body is left out."""
    used: set[str] = set()
    for node in ast.parse(text).body:
        own = node.name if isinstance(node, ast.FunctionDef) else ""
        names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        names |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
        used |= names - {own}
    return used


def test_every_service_is_called_by_the_product():
    modules = list_modules()
    used = set().union(*map(list_used, modules.values()))
    idle = [
        f"{name}: {function}"
        for name, text in modules.items()
        if name.startswith(SERVICES)
        for function in list_public(text)
        if function not in used
    ]
    assert idle == []


def test_a_function_that_nobody_calls_is_seen():
    text = '__all__ = ["begin", "end"]\ndef begin():\n    begin()\ndef end():\n    return begin\n'
    assert list_public(text) == ["begin", "end"]
    assert list_used(text) == {"__all__", "begin"}
    assert "end" not in list_used(text)
