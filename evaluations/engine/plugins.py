"""What installed packages add, such as scorers: objects that their entry points name.

    ours ──▶ Registry ◀── the entry points of one group, read when a name is none of ours,
                          or when all names are asked for

A package that cannot be used is left out, and so is a name that stands twice: two packages have no
order that anybody chose. Either is a `Fault`, one sentence that names the package. It stands in the
log, in `manage.py check`, and wherever a name is refused that the package may have meant to bring.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

from core.language import gettext as _
from core.language import gettext_noop

__all__ = [
    "Fault",
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
OURS: Final = gettext_noop("%(package)s brings “%(name)s”, which AutoForge has itself: rename it")
TWICE: Final = gettext_noop(
    "%(package)s and %(other)s both bring “%(name)s”, so neither counts: remove one of them"
)
UNREADABLE: Final = gettext_noop("%(package)s cannot be used: loading %(target)s failed (%(why)s)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why something that a package brings is left out; `str()` is one sentence."""

    sentence: str
    """In English, with places for `params`; translated when it is shown."""
    params: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return _(self.sentence) % self.params


class PluginFaultError(Exception):
    """A package cannot be used.

    Attributes:
        fault: why.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


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
            raise self.fault(UNREADABLE, why=shorten_reason(error)) from error

    def fault(self, sentence: str, **params: str) -> PluginFaultError:
        """Return an error of this package; `sentence` may use %(package)s and %(target)s."""
        known = {"package": self.package, "target": self.entry.value}
        return PluginFaultError(Fault(sentence=sentence, params=known | params))


def shorten_reason(error: Exception) -> str:
    """Return what an error of somebody else's code says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]


def are_installed(*groups: str) -> bool:
    """Whether any package has an entry point in one of these groups; nothing is imported."""
    return any(entry_points(group=group) for group in groups)


def _list_plugins(group: str) -> list[Plugin]:
    """Return the entry points of a group in an order that is the same each time."""
    plugins = [Plugin(entry=entry) for entry in entry_points(group=group)]
    return sorted(plugins, key=lambda plugin: (plugin.package, plugin.name))


def find_unloadable(group: str) -> list[Fault]:
    """Return what cannot be imported of a group; imports everything that it names."""
    faults = []
    for plugin in _list_plugins(group):
        try:
            plugin.load()
        except PluginFaultError as error:
            faults.append(error.fault)
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
    def faults(self) -> tuple[Fault, ...]:
        """What was left out, and why; reads the entry points."""
        return self._added[1]

    @property
    def hint(self) -> str:
        """The same as the end of a sentence about an unknown name, "" where all is well."""
        return "".join(f"; {fault}" for fault in self.faults)

    @cached_property
    def _added(self) -> tuple[Mapping[str, T], tuple[Fault, ...]]:
        faults: list[Fault] = []
        offers: dict[str, list[tuple[Plugin, T]]] = {}
        for plugin in _list_plugins(self._group):
            try:
                for name, item in self._read(plugin):
                    offers.setdefault(name, []).append((plugin, item))
            except PluginFaultError as error:
                faults.append(error.fault)
        added: dict[str, T] = {}
        for name, candidates in offers.items():
            (first, item), *others = candidates
            if name in self._ours:
                faults.append(first.fault(OURS, name=name).fault)
            elif others:
                other = others[0][0].package
                faults.append(first.fault(TWICE, name=name, other=other).fault)
            else:
                added[name] = item
        for fault in faults:
            logger.error("Left out: %s", fault)
        return added, tuple(faults)
