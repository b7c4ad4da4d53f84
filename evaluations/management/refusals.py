"""What a service refuses, as a command says it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from django.core.management.base import CommandError

from core.errors import ApplicationError, InvalidInputError
from core.exit_status import NOT_ASKED
from evaluations.engine.errors import EngineError

__all__ = ["refusals"]


@contextmanager
def refusals(options: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Turn what the code inside refuses into an error of the command, which ends it with 2.

    Args:
        options: field of a service → the option that sets it, which is what a person can change.

    Raises:
        CommandError: with the sentence of the refusal.
    """
    try:
        yield
    except InvalidInputError as error:
        raise CommandError(str(error.renamed(options)), returncode=NOT_ASKED) from error
    except (ApplicationError, EngineError, OSError) as error:
        raise CommandError(str(error), returncode=NOT_ASKED) from error
