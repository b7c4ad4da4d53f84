"""`manage.py render_prompt NAME`: what a prompt says with values in its places."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations

from core.errors import NotFoundError
from core.exit_status import NO, NOT_ASKED
from core.option_types import whole_number
from core.sentences import with_period
from core.tables import Limits, UnreadableError
from core.typed_files import read_typed
from prompts import interface
from prompts.rendering import TemplateError, coerce_values


class Command(BaseCommand):
    """Render; exit 0 rendered, 1 the values do not fit, 2 wrong usage or no such prompt."""

    help = (
        "Prints a prompt with its variables replaced by values, and nothing else, so that it can "
        "be piped. Exit status: 0 rendered, 1 invalid values, 2 wrong usage or no such prompt, "
        "label or version."
    )
    requires_system_checks: list[str] = []

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        """Let our --version take the place of Django's, which prints Django's."""
        return super().create_parser(*args, **kwargs | {"conflict_handler": "resolve"})

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("name", metavar="NAME", help="the prompt's name, or its title")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--label", default="production", help="default: production")
        which.add_argument(
            "--version",
            type=whole_number(),
            metavar="N",
            dest="number",
            help="a version number, instead of a label",
        )
        parser.add_argument(
            "--var", action="append", default=[], metavar="K=V", help="a value; can be repeated"
        )
        parser.add_argument(
            "--vars", metavar="FILE", help="a JSON file that contains an object of values"
        )
        parser.add_argument(
            "--format",
            choices=("text", "json"),
            default="text",
            help="json includes the version number",
        )

    @no_translations
    def handle(self, *args: object, **options: Any) -> None:
        """Render and print."""
        try:
            prompt = interface.get_prompt(
                options["name"], label=options["label"], version=options["number"]
            )
        except NotFoundError as error:
            raise CommandError(with_period(error), returncode=NOT_ASKED) from error
        values = {}
        if options["vars"]:
            values = _read_file(options["vars"])
        try:
            values |= coerce_values(prompt.variables, _split(options["var"]), prompt.placeholders)
            result = prompt.render(values)
        except TemplateError as error:
            sentence = with_period(f"“{prompt.name}”: {error}")
            raise CommandError(sentence, returncode=NO) from error
        self._print(prompt, result, options["format"])

    def _print(self, prompt: interface.PromptText, result: Any, chosen: str) -> None:
        is_text = isinstance(result, str)
        messages = []
        if not is_text:
            messages = [message.as_json() for message in result]
        if chosen == "json":
            document: dict[str, object] = {
                "name": prompt.name,
                "version": prompt.number,
                "content_hash": prompt.content_hash,
                "config": prompt.config,
            }
            if is_text:
                document["text"] = result
            else:
                document["messages"] = messages
            self.stdout.write(json.dumps(document, ensure_ascii=False))
        elif is_text:
            self.stdout.write(result)  # Django adds a line end where there is none
        else:
            self.stdout.write(json.dumps(messages, ensure_ascii=False, indent=2))


def _split(pairs: Iterable[str]) -> dict[str, str]:
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CommandError(
                f"--var {pair!r} has no value; write --var name=value.", returncode=NOT_ASKED
            )
        values[name] = value
    return values


def _read_file(name: str) -> dict[str, object]:
    try:
        raw = read_typed(Path(name), most_bytes=Limits().size_bytes)
        values = json.loads(raw.decode("utf-8"))
    except UnreadableError as error:
        raise CommandError(f"{name} cannot be read: {error}.", returncode=NOT_ASKED) from error
    except UnicodeDecodeError as error:
        raise CommandError(
            f"{name} is not UTF-8; save it as UTF-8.", returncode=NOT_ASKED
        ) from error
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{name} is not JSON: {error}.", returncode=NOT_ASKED) from error
    if not isinstance(values, dict):
        raise CommandError(
            f'{name} must contain a JSON object of values, such as {{"name": "Aiko"}}.',
            returncode=NOT_ASKED,
        )
    return values
