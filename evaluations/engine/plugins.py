"""What installed packages add, such as scorers: objects that their entry points name.

    ours ──▶ Registry ◀── the entry points of one group, read when a name is none of ours,
                          or when all names are asked for

A package that cannot be used is left out, and so is a name that stands twice: two packages have no
order that anybody chose. Either is one sentence that names the package. It stands in the
log, in `manage.py check`, and wherever a name is refused that the package may have meant to bring.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

from core.sentences import CodedError, Sentence

__all__ = [
    "Plugin",
    "PluginFaultError",
    "Registry",
    "are_installed",
    "find_unloadable",
    "shorten_reason",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")
Offer = tuple[str, T]

LONGEST_REASON: Final = 200  # characters of what a package's own error says


class PluginFaultError(CodedError):
    """A package cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """One entry point of a package."""

    entry: EntryPoint

    @property
    def name(self) -> str:
        """The entry point's name."""
        return self.entry.name

    @property
    def package(self) -> str:
        """The package's name and version, such as "autoforge-example 1.0"."""
        dist = self.entry.dist
        return f"{dist.name} {dist.version}" if dist else self.entry.value

    def load(self) -> Any:
        """Return the object that the entry point names.

        Raises:
            PluginFaultError: its module cannot be imported, or has no such object.
        """
        try:
            return self.entry.load()
        except Exception as error:  # whatever a stranger's module does when it is imported
            logger.exception("%s cannot be loaded from %s", self.entry.value, self.package)
            raise self.fault("plugin.unreadable", why=shorten_reason(error)) from error

    def fault(self, code: str, **params: str) -> PluginFaultError:
        """Return an error of this package; its sentence may use %(package)s and %(target)s."""
        return PluginFaultError(code, package=self.package, target=self.entry.value, **params)


def shorten_reason(error: Exception) -> str:
    """Return the message of an error in a package's code, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]


def are_installed(*groups: str) -> bool:
    """Whether any package has an entry point in one of these groups; nothing is imported."""
    return any(entry_points(group=group) for group in groups)


def _list_plugins(group: str) -> list[Plugin]:
    """Return the entry points of a group in an order that is the same each time."""
    plugins = [Plugin(entry=entry) for entry in entry_points(group=group)]
    return sorted(plugins, key=lambda plugin: (plugin.package, plugin.name))


def find_unloadable(group: str) -> list[Sentence]:
    """Return what cannot be imported of a group; imports everything that it names."""
    faults = []
    for plugin in _list_plugins(group):
        try:
            plugin.load()
        except PluginFaultError as error:
            faults.append(error.sentence)
    return faults


class Registry(Mapping[str, T], Generic[T]):
    """Ours by name, and after them what packages add.

    Args:
        group: the group of entry points.
        ours: what we have ourselves; its names are taken.
        read: returns the names and objects that one entry point brings, or raises PluginFaultError.
    """

    def __init__(
        self, group: str, ours: Mapping[str, T], read: Callable[[Plugin], Iterable[Offer[T]]]
    ) -> None:
        self._group = group
        self._ours = ours
        self._read = read

    def __getitem__(self, name: str) -> T:
        # Ours first: a worker with little memory imports nobody else's code for `contains`.
        if name in self._ours:
            return self._ours[name]
        return self._added[0][name]

    def __iter__(self) -> Iterator[str]:
        return iter((*self._ours, *self._added[0]))

    def __len__(self) -> int:
        return len(self._ours) + len(self._added[0])

    @property
    def faults(self) -> tuple[Sentence, ...]:
        """What was left out, and why; reads the entry points."""
        return self._added[1]

    @property
    def hint(self) -> str:
        """The same as the end of a sentence about an unknown name, "" where all is well."""
        return "".join(f"; {fault}" for fault in self.faults)

    @cached_property
    def _added(self) -> tuple[Mapping[str, T], tuple[Sentence, ...]]:
        faults: list[Sentence] = []
        offers: dict[str, list[tuple[Plugin, T]]] = {}
        for plugin in _list_plugins(self._group):
            try:
                for name, item in self._read(plugin):
                    offers.setdefault(name, []).append((plugin, item))
            except PluginFaultError as error:
                faults.append(error.sentence)
        added: dict[str, T] = {}
        for name, candidates in offers.items():
            (plugin, item), *others = candidates
            if name in self._ours:
                faults.append(plugin.fault("plugin.ours", name=name).sentence)
            elif others:
                other_plugin, _other_item = others[0]
                other = other_plugin.package
                faults.append(plugin.fault("plugin.twice", name=name, other=other).sentence)
            else:
                added[name] = item
        for fault in faults:
            logger.error("Left out: %s", fault)
        return added, tuple(faults)
