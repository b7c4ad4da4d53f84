"""`manage.py webhooks`: endpoints and deliveries from the command line, and from cron."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime

from core.events.models import WebhookDelivery, WebhookEndpoint
from core.events.services.deliveries import deliver_due, deliver_now, forget_old, redeliver
from core.events.services.outbox import send_test_event
from core.exit_status import NOT_ASKED


class Command(BaseCommand):
    """List endpoints, send a test event, send failed deliveries again, or deliver what is due.

    Exit 0 done, 1 a test event was not accepted, 2 no such endpoint.
    """

    help = "Lists webhook endpoints, tests one, sends failed deliveries again, or delivers."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add a subcommand for each of them."""
        commands = parser.add_subparsers(dest="what", required=True, metavar="COMMAND")
        commands.add_parser("list", help="list endpoints with their state")
        test = commands.add_parser("test", help="send a test event and print the answer")
        test.add_argument("name", metavar="NAME", help="name of the endpoint")
        again = commands.add_parser("redeliver", help="send failed deliveries again")
        again.add_argument("name", metavar="NAME", help="name of the endpoint")
        commands.add_parser(
            "deliver",
            help="send what is due and exit, for cron: where no worker of the queue runs",
        )

    def handle(self, *_args: object, **options: Any) -> None:
        """Do it."""
        if options["what"] == "list":
            self._list()
        elif options["what"] == "test":
            self._test(_find(options["name"]))
        elif options["what"] == "redeliver":
            self._redeliver(_find(options["name"]))
        else:
            self.stdout.write(f"{deliver_due()} sent")
            forget_old()

    def _list(self) -> None:
        for endpoint in WebhookEndpoint.objects.all():
            state = "enabled" if endpoint.enabled else "disabled"
            if endpoint.enabled and endpoint.failing_since is not None:
                state = f"failing since {localtime(endpoint.failing_since):%Y-%m-%d %H:%M}"
            # Not the whole address: the path of some receivers is their password.
            host = endpoint.url.split("/")[2]
            events = ", ".join(endpoint.event_types)
            self.stdout.write(f"{endpoint.name}: {state}, {host}, {events}")

    def _test(self, endpoint: WebhookEndpoint) -> None:
        delivery = send_test_event(endpoint=endpoint, wake=False)
        accepted = deliver_now(delivery=delivery)
        status = delivery.last_status_code or "no answer"
        self.stdout.write(f"{status}: {delivery.last_answer}".rstrip(": "))
        if not accepted:
            raise CommandError(f"the endpoint {endpoint.name} did not accept the test event")

    def _redeliver(self, endpoint: WebhookEndpoint) -> None:
        failed = endpoint.deliveries.filter(status=WebhookDelivery.Status.FAILED)
        count = redeliver(list(failed.values_list("pk", flat=True)))
        self.stdout.write(f"{count} deliveries of {endpoint.name} are sent again")


def _find(name: str) -> WebhookEndpoint:
    endpoint = WebhookEndpoint.objects.filter(name=name).first()
    if endpoint is None:
        raise CommandError(f"there is no webhook endpoint named {name}", returncode=NOT_ASKED)
    return endpoint
