"""How numbers for Prometheus change while a test goes on."""

from autoforge.metrics.definitions import REGISTRY


class Change:
    """How much numbers have grown since it was made."""

    def __init__(self) -> None:
        self._before = self._read()

    def _read(self) -> dict[tuple, float]:
        return {
            (sample.name.removeprefix("autoforge_"), *sample.labels.values()): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __getitem__(self, key: tuple) -> float:
        return self._read().get(key, 0.0) - self._before.get(key, 0.0)
