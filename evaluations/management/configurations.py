"""The configurations that `manage.py evaluate` runs: typed, or found in the current folder."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from django.core.management.base import CommandError

from core.exit_status import NOT_ASKED
from evaluations.engine.files import Folder
from evaluations.engine.providers import ProviderSpec
from evaluations.management.case_filters import choose_by_pattern
from evaluations.promptfoo.config import PromptfooConfig, read_configs
from evaluations.promptfoo.templates import fill_text
from evaluations.suite_files import folder_beside

__all__ = [
    "NAMES",
    "Configuration",
    "choose_columns",
    "choose_specs",
    "find_configurations",
    "read_typed_configurations",
]

NAMES: Final = tuple(f"promptfooconfig.{suffix}" for suffix in ("yaml", "yml", "json"))


class Configuration(NamedTuple):
    """What was read."""

    config: PromptfooConfig
    folder: Folder
    """That of the first file: recorded answers are looked for there."""


def find_configurations(typed: Sequence[str]) -> list[Path]:
    """Return the files that are meant: of a folder, and where none was typed, promptfooconfig.*.

    Raises:
        CommandError: a folder has none.
    """
    if not typed:
        path = _find_in(Path())
        return [] if path is None else [path]
    paths = []
    for name in typed:
        meant = _find_in(Path(name)) if Path(name).is_dir() else Path(name)
        if meant is None:
            looked = ", ".join(NAMES)
            message = f"{name} has no configuration ({looked}); name a file."
            raise CommandError(message, returncode=NOT_ASKED)
        paths.append(meant)
    return paths


def _find_in(folder: Path) -> Path | None:
    for name in NAMES:
        if (folder / name).is_file():
            return folder / name
    return None


def read_typed_configurations(
    paths: Sequence[Path],
    *,
    root: str | None,
    other_models: bool,
    variables: Sequence[tuple[str, str]],
) -> Configuration:
    """Return files as one configuration.

    Args:
        paths: at least one.
        root: a folder whose files may be named; else the git repository of each file.
        other_models: whether other models are asked than the file's own.
        variables: values for tests that have none of their own by that name.

    Raises:
        CommandError: the root is no folder.
        SuiteError: one sentence with file, line and column.
    """
    border = None if root is None else Path(root)
    if border is not None and not border.is_dir():
        raise CommandError(f"--root: {root} is not a folder.", returncode=NOT_ASKED)
    folders = [folder_beside(path, border) for path in paths]
    names = [path.name for path in paths]
    config = read_configs(
        list(zip(folders, names, strict=True)),
        fill_text,
        other_models=other_models,
        variables=os.environ,
        test_variables=dict(variables),
    )
    return Configuration(config, folders[0])


def choose_columns(
    config: PromptfooConfig, prompts: str | None, providers: str | None
) -> PromptfooConfig:
    """Return a configuration with the prompts and models one of whose names matches.

    Args:
        config: what was read.
        prompts: a regular expression of JavaScript; None: all.
        providers: the same for models.

    Raises:
        CommandError: nothing matches, or it is no regular expression.
    """
    if prompts is not None:
        chosen = choose_by_pattern(
            "--filter-prompts", prompts, config.prompts, lambda item: (item.label, *item.names)
        )
        _refuse_nothing(chosen, "--filter-prompts", (item.label for item in config.prompts))
        config = replace(config, prompts=tuple(chosen))
    if providers is not None:
        models = choose_by_pattern(
            "--filter-providers", providers, config.providers, lambda item: item.names
        )
        names = (provider.spec.name for provider in config.providers)
        _refuse_nothing(models, "--filter-providers", names)
        config = replace(config, providers=tuple(models))
    return config


def choose_specs(specs: Iterable[ProviderSpec], pattern: str) -> list[ProviderSpec]:
    """Return the models one of whose names matches.

    Raises:
        CommandError: none does, or it is no regular expression.
    """
    known = list(specs)
    chosen = choose_by_pattern("--filter-providers", pattern, known, _list_names)
    _refuse_nothing(chosen, "--filter-providers", (spec.name for spec in known))
    return chosen


def _list_names(spec: ProviderSpec) -> list[str]:
    return [spec.name, f"{spec.kind}:{spec.model}" if spec.model else spec.kind]


def _refuse_nothing(chosen: Sequence[object], option: str, names: Iterable[str]) -> None:
    if not chosen:
        there = ", ".join(f"“{name[:60]}”" for name in names) or "none"
        raise CommandError(f"{option}: nothing matches; there is {there}.", returncode=NOT_ASKED)
