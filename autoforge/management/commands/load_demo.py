"""Loads the demo content that `make run` puts into a new database."""

from django.core.management.base import BaseCommand, CommandError

from autoforge.demo import DemoLoadedError, load_demo


class Command(BaseCommand):
    """Exit status 0: loaded; 1: refused, with one sentence, and nothing was changed."""

    help = (
        "Loads the demo content: prompts in English and Japanese with their "
        "versions, templates, and test suites with evaluations. Fails if any of it is already in "
        "the database."
    )

    def handle(self, *_args: object, **_options: object) -> None:
        """Load it and say what it was."""
        try:
            content = load_demo()
        except DemoLoadedError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Loaded {content}.")
