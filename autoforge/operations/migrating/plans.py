"""Which migrations are run, in which order: forwards to a target, or back by the history."""

from collections.abc import Collection, Iterable, Sequence

from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.loader import MigrationLoader

from autoforge.operations.migrating.errors import RefusedError
from autoforge.operations.migrating.state import Facts
from autoforge.operations.migrating.steps import Step
from core.database.applied import Key

__all__ = ["choose_steps", "find_target"]

ZERO = "zero"
"""The name of the state before an app's first migration."""


def choose_steps(
    loader: MigrationLoader,
    facts: Facts,
    *,
    target: str = "",
    count: int = 0,
    apps: Sequence[str] = (),
) -> tuple[Step, ...]:
    """Return what is to be run, in order.

    Args:
        loader: the migrations of the code.
        facts: what the database has.
        target: where to go, such as `prompts.0012`, `prompts 0012_name` or `prompts.zero`; empty:
            everything that is pending.
        count: at most so many forwards; below 0 so many back, the last applied first.
        apps: only these, and what they depend on; empty: all.

    Raises:
        RefusedError: there is no such migration or app, or the code cannot take it back.
    """
    _check_apps(loader, apps)
    if target and (count or apps):
        raise RefusedError(
            "--to names the state to go to; leave out --steps and --app, or leave out --to."
        )
    if target:
        return _steps_to(loader, facts, find_target(loader, target))
    if count < 0:
        return _steps_back(loader, facts, -count, apps)
    steps = _steps_forwards(loader, facts.applied, apps)
    return steps[:count] if count else steps


def find_target(loader: MigrationLoader, text: str) -> tuple[str, str | None]:
    """Return app and name of a migration; None as name before the first one.

    Args:
        loader: the migrations of the code.
        text: app and the beginning of a name, with a dot or a space in between.

    Raises:
        RefusedError: there is none, or there are several.
    """
    app, _separator, prefix = text.strip().replace(" ", ".", 1).partition(".")
    _check_apps(loader, [app])
    if prefix == ZERO:
        return app, None
    if not prefix:
        raise RefusedError(
            f"--to {text} names no migration; give app and number, such as {app}.0001, or "
            f"{app}.{ZERO} for the state before the first."
        )
    try:
        migration = loader.get_migration_by_prefix(app, prefix)
    except AmbiguityError as error:
        raise RefusedError(
            f"--to {text} fits several migrations of {app}; give more of the name."
        ) from error
    except KeyError as error:
        names = sorted(name for label, name in loader.disk_migrations if label == app)
        raise RefusedError(
            f"{app} has no migration {prefix}; it has {names[0]} to {names[-1]}."
        ) from error
    return app, migration.name


def _check_apps(loader: MigrationLoader, apps: Iterable[str]) -> None:
    known = {app for app, _name in loader.disk_migrations}
    for app in apps:
        if app not in known:
            raise RefusedError(
                f"There is no app '{app}' with migrations; there are {', '.join(sorted(known))}."
            )


def _steps_forwards(
    loader: MigrationLoader, applied: Collection[Key], apps: Collection[str]
) -> tuple[Step, ...]:
    keys: dict[Key, None] = {}
    for leaf in loader.graph.leaf_nodes():
        if not apps or leaf[0] in apps:
            keys |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return _forwards(loader, (key for key in keys if key not in applied))


def _forwards(loader: MigrationLoader, keys: Iterable[Key]) -> tuple[Step, ...]:
    return tuple(Step(migration=loader.graph.nodes[key], is_backwards=False) for key in keys)


def _steps_to(
    loader: MigrationLoader, facts: Facts, target: tuple[str, str | None]
) -> tuple[Step, ...]:
    app, name = target
    applied = facts.applied
    if name is None:
        later = [key for key in loader.graph.root_nodes(app) if key in applied]
    elif (app, name) in applied:
        children = loader.graph.node_map[app, name].children
        later = [node.key for node in sorted(children) if node.key[0] == app]
    else:
        plan = loader.graph.forwards_plan((app, name))
        return _forwards(loader, (key for key in plan if key not in applied))
    keys: dict[Key, None] = {}
    for key in later:
        keys |= dict.fromkeys(_closure_back(loader, key, applied))
    _check_known(loader, facts, {key[0] for key in keys} | {app})
    return _backwards(loader, keys)


def _steps_back(
    loader: MigrationLoader, facts: Facts, count: int, apps: Collection[str]
) -> tuple[Step, ...]:
    """Return the last `count` by the history, and before each what depends on it."""
    keys: dict[Key, None] = {}
    for migration in reversed(facts.history):
        if len(keys) >= count:
            break
        if migration.app not in loader.migrated_apps or (apps and migration.app not in apps):
            continue
        if migration.key not in loader.graph.nodes:
            raise _unknown_error(migration.key)
        keys |= dict.fromkeys(_closure_back(loader, migration.key, facts.applied))
    return _backwards(loader, keys)


def _closure_back(loader: MigrationLoader, key: Key, applied: Collection[Key]) -> list[Key]:
    return [each for each in loader.graph.backwards_plan(key) if each in applied]


def _backwards(loader: MigrationLoader, keys: Iterable[Key]) -> tuple[Step, ...]:
    return tuple(Step(migration=loader.graph.nodes[key], is_backwards=True) for key in keys)


def _check_known(loader: MigrationLoader, facts: Facts, apps: Collection[str]) -> None:
    """Refuse to go back below a migration that the code does not know."""
    for migration in facts.history:
        if migration.app in apps and migration.key not in loader.disk_migrations:
            raise _unknown_error(migration.key)


def _unknown_error(key: Key) -> RefusedError:
    return RefusedError(
        f"{'.'.join(key)} is applied, and this code does not have it; go back with the code that "
        "applied it."
    )
