"""Operates AutoForge on its host; the deployment brings this file along and leaves it there.

    sudo python3 host.py deploy INCOMING    what a deployment brought: files, settings, an image
    sudo python3 host.py rollback           the image before this one serves again
    sudo python3 host.py status [--json]    what runs, since when, and what ran before
    sudo python3 host.py wait ORDER         until a deployment ends; its result

A new version is started beside the old one and asked whether it works; then the proxy switches, and
the old one stops when its requests have ended. Until it has stopped, every failure leads back to
the old image and the old files. The database is not led back: migrations have to work with the
version before them (docs/deployment.md).

Standard library alone, Python 3.10 or newer. Exit status: 0 done · 2 wrong usage · 3 another
deployment is running · 4 refused, nothing was changed · 5 failed, the version before serves ·
6 failed, and somebody has to look.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, TextIO

COLOURS: Final = ("blue", "green")
PROD: Final = "docker-compose.prod.yml"
# What a deployment brings and replaces, and a failed one puts back.
FILES: Final = (PROD, "docker-compose.monitoring.yml", ".env")
FOLDERS: Final = ("caddy", "redis", "monitoring", "metrics", "config")
SECRETS: Final = ("config/.env", "redis/password", "metrics/token")
# User and group in our image, in Redis's and in Prometheus'.
OWNERS: Final = {
    "config": (10001, 10001),
    "backups": (10001, 10001),
    "redis": (999, 1000),
    "metrics": (65534, 65534),
}
BEFORE: Final = "before"
PREVIOUS: Final = "previous"
KEPT_IMAGES: Final = 3
FREE_BYTES: Final = 2 * 1024**3  # an image unpacked, and a backup
START_SECONDS: Final = 180
RELEASES_SHOWN: Final = 20
BACKUP: Final = ("backup_database", "--output", "/app/backups/", "--keep", "10")
CHECK: Final = ("check", "--deploy", "--fail-level", "ERROR")
MIGRATE: Final = ("migrate_safely", "--no-input", "--wait", "60", "--backup-to", "/app/backups/")

DONE, USAGE, LOCKED, REFUSED, ROLLED_BACK, BROKEN = 0, 2, 3, 4, 5, 6


class HostError(Exception):
    """A step failed; `str()` says which and why."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to run, from the file order.json of a deployment."""

    image: str
    """The image, with its tag."""
    app_env: str
    """staging or production."""
    site: str
    """The site's name, for the proxy; :80 where another proxy ends TLS."""
    version: str
    """The version that the image has to answer."""
    has_redis: bool
    """Whether Redis runs here, too."""
    registry: str = ""
    """Where to log in; empty: nowhere."""
    registry_user: str = ""
    """As whom. The password comes on standard input."""


@dataclass(kw_only=True)
class State:
    """What the host remembers, in state.json."""

    colour: str = ""
    """Which of the two serves; empty: none yet."""
    image: str = ""
    """What it runs."""
    version: str = ""
    """What that answers as its version."""
    previous: str = ""
    """What ran before; empty: nothing."""
    previous_version: str = ""
    """What that answered."""
    order: str = ""
    """Which deployment was the last: the name of its folder."""
    result: int = DONE
    """The exit status of the last deployment."""
    sentence: str = ""
    """What it said at its end."""
    releases: list[dict[str, str]] = field(default_factory=list)
    """Every deployment that succeeded: image, version, time; the newest last."""


class Host:
    """A folder on a host with everything that a deployment needs."""

    def __init__(self, folder: Path, log: TextIO | None = None) -> None:
        self.folder = folder
        self.log = log

    # --- Saying, remembering ----------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Tell whoever watches, and the log; a connection that is lost ends nothing."""
        with contextlib.suppress(OSError):
            print(text, flush=True)
        if self.log is not None:
            self.log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")
            self.log.flush()

    def read_state(self) -> State:
        """Return what is remembered.

        Raises:
            HostError: state.json is no state.
        """
        path = self.folder / "state.json"
        if not path.exists():
            return State()
        try:
            return State(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise HostError(f"{path} cannot be read ({error}); repair it, or remove it") from error

    def write_state(self, state: State) -> None:
        """Remember."""
        state.releases = state.releases[-RELEASES_SHOWN:]
        write(self.folder / "state.json", json.dumps(asdict(state), indent=1) + "\n")

    @contextlib.contextmanager
    def lock(self, *, wait: bool = False) -> Iterator[None]:
        """Hold this host's lock.

        Raises:
            BlockingIOError: another process holds it.
        """
        with (self.folder / "deploy.lock").open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            yield

    # --- Docker -----------------------------------------------------------------------------------

    def docker(self, *arguments: str, feed: str | None = None, **variables: str) -> str:
        """Return what a docker command prints.

        Raises:
            HostError: it failed; with the end of what it said.
        """
        try:
            done = subprocess.run(  # noqa: S603 (the arguments are our own)
                ["docker", *arguments],  # noqa: S607 (wherever the host has it)
                cwd=self.folder,
                env=os.environ | variables,
                input=feed or "",  # never what stands on our own standard input
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise HostError("docker is not installed on this host") from None
        if self.log is not None:
            self.log.write(done.stdout + done.stderr)
            self.log.flush()
        if done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
            shown = "\n    ".join(lines) or f"exit status {done.returncode}"
            raise HostError(f"`docker {' '.join(arguments)}` failed:\n    {shown}")
        return done.stdout

    def compose(self, *arguments: str, **variables: str) -> str:
        """Return what a docker compose command prints; .env says which files it reads."""
        return self.docker("compose", *arguments, **variables)

    def manage(self, image: str, *arguments: str) -> str:
        """Run a command of AutoForge in an image, beside what runs."""
        command = ("--profile", "tools", "run", "--rm", "--no-deps", "-T", "manage")
        return self.compose(*command, *arguments, IMAGE_NEXT=image)

    # --- Files ------------------------------------------------------------------------------------

    def read_env(self) -> dict[str, str]:
        """Return the variables of Compose's .env; a line is NAME=value."""
        path = self.folder / ".env"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
        return {name: value for name, _, value in pairs if not name.startswith("#")}

    def update_env(self, **changes: str) -> None:
        """Change variables of .env; whatever else is in it stays as it is."""
        path = self.folder / ".env"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        for name, value in changes.items():
            new = f"{name}={value}"
            places = [i for i, line in enumerate(lines) if line.startswith(f"{name}=")]
            if places:
                lines[places[0]] = new
            else:
                lines.append(new)
        write(path, "\n".join(lines) + "\n")

    def copy(self, source: Path, target: Path) -> None:
        """Copy every file of FILES and FOLDERS, each in one step, with its owner and mode."""
        for name in FILES:
            if (source / name).exists():
                replace(source / name, target / name)
        for name in FOLDERS:
            for path in sorted((source / name).rglob("*")):
                if path.is_file():
                    replace(path, target / path.relative_to(source))
        self.own(target)

    def own(self, base: Path) -> None:
        """Give secrets to the users of the containers, and to nobody else."""
        for name, (user, group) in OWNERS.items():
            folder = base / name
            folder.mkdir(mode=0o750, exist_ok=True)
            for path in [folder, *folder.iterdir()]:
                if os.geteuid() == 0:
                    os.chown(path, user, group)
        for secret in SECRETS:
            if (base / secret).exists():
                (base / secret).chmod(0o600)

    def remember_files(self) -> Path:
        """Copy what a failure puts back; return the folder, there while a change is made."""
        before = self.folder / BEFORE
        shutil.rmtree(before, ignore_errors=True)
        before.mkdir(mode=0o700)
        self.copy(self.folder, before)
        return before

    # --- Steps ------------------------------------------------------------------------------------

    def fetch(self, order: Order, password: str) -> str:
        """Pull the image; return its name by digest, which no later push can change.

        Raises:
            HostError: there is no room, or the registry does not let us.
        """
        for place in {self.folder, find_mount(Path("/var/lib/docker"))}:
            free = shutil.disk_usage(place).free
            needed = int(os.environ.get("DEPLOY_FREE_BYTES") or FREE_BYTES)
            if free < needed:
                raise HostError(
                    f"{place} has {free // 1024**2:,} MiB free, and {needed // 1024**2:,} are "
                    "needed. Remove old images (`docker image prune`) or backups"
                )
        if order.registry and password:
            user = ("--username", order.registry_user, "--password-stdin")
            self.docker("login", order.registry, *user, feed=password)
        self.docker("pull", "--quiet", order.image)
        repository = strip_tag(order.image)
        form = "{{range .RepoDigests}}{{println .}}{{end}}"
        for line in self.docker("image", "inspect", "--format", form, order.image).split():
            if line.startswith(f"{repository}@"):
                return line
        return order.image

    def smoke(self, service: str, *arguments: str) -> None:
        """Ask a web service whether it works, from inside of it.

        Raises:
            HostError: it does not; with what was asked and answered.
        """
        colour = service.partition("-")[2]
        command = ("--profile", colour, "exec", "-T", service, "python", "scripts/smoke.py")
        self.say(self.compose(*command, *arguments).rstrip())

    def start(self, colour: str, image: str) -> None:
        """Start an image as the web service of this colour, and wait until it is healthy."""
        self.update_env(**{f"IMAGE_{colour.upper()}": image})
        service = f"web-{colour}"
        up = ("up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(START_SECONDS))
        self.compose("--profile", colour, *up, service)

    def stop(self, colour: str) -> None:
        """Stop a web service when its requests have ended, and remove its container."""
        for command in (("stop",), ("rm", "--force")):
            self.compose("--profile", colour, *command, f"web-{colour}")

    def switch(self, colour: str) -> None:
        """Let the proxy send requests to this colour from now on."""
        (self.folder / "active").mkdir(exist_ok=True)
        mark = self.folder / "active" / "green"
        if colour == "green":
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def settle(self, colour: str, image: str) -> None:
        """Write to .env what runs, so that `docker compose up -d` by hand starts the same."""
        profiles = self.read_env().get("COMPOSE_PROFILES", "").split(",")
        others = [name for name in profiles if name and name not in COLOURS]
        self.update_env(IMAGE=image, COMPOSE_PROFILES=",".join([colour, *others]))

    def start_rest(self) -> None:
        """Start the worker with the image of .env, and wait until it is healthy."""
        up = ("up", "--detach", "--no-deps", "--wait", "--wait-timeout", str(START_SECONDS))
        self.compose(*up, "worker")

    def start_proxy(self) -> None:
        """Start the proxy where it does not run; let it read its file where it does."""
        self.compose("up", "--detach", "--no-deps", "--wait", "proxy")
        reload = ("caddy", "reload", "--config", "/etc/caddy/Caddyfile")
        self.compose("exec", "-T", "proxy", *reload)

    def prune(self, state: State) -> None:
        """Remove our images except the last few that ran."""
        kept = [release["image"] for release in state.releases[-KEPT_IMAGES:]]
        kept += [state.image, state.previous]
        repository = strip_tag(state.image)
        form = "{{.Repository}}@{{.Digest}} {{.Repository}}:{{.Tag}} {{.ID}}"
        try:
            listing = self.docker("image", "ls", "--digests", "--format", form, repository)
        except HostError as error:
            self.say(f"Old images were not removed: {error}")
            return
        rows = [line.split() for line in listing.splitlines()]
        used = {row[-1] for row in rows if set(row[:-1]) & set(kept)}
        for number in sorted({row[-1] for row in rows} - used):
            with contextlib.suppress(HostError):  # a container may still use it
                self.docker("image", "rm", "--force", number)
                self.say(f"Removed an old image: {number}")


# --- Deploying ------------------------------------------------------------------------------------


def deploy(host: Host, incoming: Path, password: str) -> int:
    """Bring a version up beside the old one, and switch; return the exit status."""
    order = Order(**json.loads((incoming / "order.json").read_text(encoding="utf-8")))
    state = host.read_state()
    state.order = incoming.name
    host.say(f"Deploying {order.image}")
    try:
        recover(host, state)
        image = host.fetch(order, password)
        before = host.remember_files()
        state.result, state.sentence = BROKEN, f"The deployment of {order.image} was cut off."
        host.write_state(state)
    except (HostError, OSError) as error:
        return finish(host, state, REFUSED, f"Nothing was changed: {error}.")
    new = "green" if state.colour == "blue" else "blue"
    try:
        bring_up(host, order, incoming, image, new)
    except (HostError, OSError) as error:
        return lead_back(host, state, before, new, error)
    return complete(host, state, new, image, order.version)


def recover(host: Host, state: State) -> None:
    """Put back what served before a deployment that was killed: the old one still runs.

    Raises:
        HostError: what it left cannot be put back.
    """
    before = host.folder / BEFORE
    if before.exists() and state.colour:
        host.say(f"The last deployment was interrupted: {state.image} serves again")
        host.copy(before, host.folder)
        host.switch(state.colour)


def bring_up(host: Host, order: Order, incoming: Path, image: str, colour: str) -> None:
    """Do everything up to the point from which the new version serves alone.

    Raises:
        HostError: a step failed.
    """
    host.copy(incoming, host.folder)
    replace(incoming / "host.py", host.folder / "host.py")
    profiles = host.read_env().get("COMPOSE_PROFILES", "").split(",")
    profiles = [name for name in profiles if name and name != "redis"]
    names = {"APP_ENV": order.app_env, "SITE_ADDRESS": order.site}
    if order.has_redis:
        profiles.append("redis")
    files = host.read_env().get("COMPOSE_FILE") or PROD
    host.update_env(COMPOSE_FILE=files, COMPOSE_PROFILES=",".join(profiles), **names)
    if "IMAGE" not in host.read_env():  # Compose wants to know it before anything runs
        host.update_env(IMAGE=image)
    (host.folder / "active").mkdir(exist_ok=True)
    host.compose("config", "--quiet")
    if order.has_redis:
        host.compose("up", "--detach", "--wait", "redis")
    host.say("Checking the settings")
    host.manage(image, *CHECK)
    if host.read_state().colour:  # the first one may find no database at all
        host.say("Backing up the database")
        host.say(host.manage(image, *BACKUP).rstrip())
    host.say("Migrating the database")
    host.say(host.manage(image, *MIGRATE).rstrip())
    host.say(f"Starting web-{colour}")
    host.start(colour, image)
    service = f"web-{colour}"
    host.smoke(service, "http://127.0.0.1:8000", "--inside", "--version", order.version)
    host.start_proxy()
    host.switch(colour)
    host.say(f"The proxy sends requests to {service}")
    if order.site.startswith(":"):
        host.say("Another proxy ends TLS: what it answers is asked from outside")
    else:
        through = ("--connect", "proxy:443", "--version", order.version, "--patience", "90")
        host.smoke(service, f"https://{order.site}", *through)
    host.settle(colour, image)
    host.say("Starting the worker")
    host.start_rest()


def complete(host: Host, state: State, colour: str, image: str, version: str) -> int:
    """Stop the old version, remember the new one, and tidy up; return the exit status."""
    old = state.colour
    if state.image != image:
        state.previous, state.previous_version = state.image, state.version
    state.colour, state.image, state.version = colour, image, version
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    state.releases.append({"image": image, "version": version, "time": now})
    # Remembered before the old one stops: from here on there is no way back but `rollback`.
    host.write_state(state)
    shutil.rmtree(host.folder / PREVIOUS, ignore_errors=True)
    (host.folder / BEFORE).replace(host.folder / PREVIOUS)
    if old and old != colour:
        host.say(f"Stopping web-{old} when its requests have ended")
        try:
            host.stop(old)
        except HostError as error:
            host.say(f"web-{old} still runs, without requests: {error}")
    host.prune(state)
    return finish(host, state, DONE, f"{image} serves (version {version}).")


def lead_back(host: Host, state: State, before: Path, failed: str, error: Exception) -> int:
    """Let the old version serve with the old files; return the exit status."""
    host.say(f"Failed: {error}.")
    if not state.colour:
        with contextlib.suppress(HostError):
            host.stop(failed)
        sentence = f"The first deployment failed, and nothing serves: {error}."
        return finish(host, state, BROKEN, sentence)
    host.say(f"Going back to {state.image}")
    host.switch(state.colour)
    try:
        host.copy(before, host.folder)
        host.start_proxy()
        host.start_rest()
        host.stop(failed)
    except (HostError, OSError) as again:
        sentence = f"{state.image} serves, but not everything was put back: {again}."
        return finish(host, state, BROKEN, sentence)
    shutil.rmtree(before, ignore_errors=True)
    sentence = (
        f"Rolled back: {state.image} serves. The database stays as it was migrated. The reason: "
        f"{error}."
    )
    return finish(host, state, ROLLED_BACK, sentence)


def finish(host: Host, state: State, result: int, sentence: str) -> int:
    """Say and remember how it ended; return the exit status."""
    host.say(sentence)
    state.result, state.sentence = result, sentence
    host.write_state(state)
    return result


def roll_back(host: Host) -> int:
    """Let the image before this one serve again, with its own compose files; return the status."""
    state = host.read_state()
    if not state.previous:
        return finish(host, state, REFUSED, "There is no version before this one on this host.")
    new = "green" if state.colour == "blue" else "blue"
    host.say(f"Going back to {state.previous}")
    try:
        recover(host, state)
        before = host.remember_files()
    except (HostError, OSError) as error:
        return finish(host, state, REFUSED, f"Nothing was changed: {error}.")
    previous = host.folder / PREVIOUS
    try:
        # Its files but not its settings: a token may have been rotated since.
        for name in FILES[:-1]:
            if (previous / name).exists():
                replace(previous / name, host.folder / name)
        host.start(new, state.previous)
        known = ("--version", state.previous_version, "--tolerate", "migrations")
        host.smoke(f"web-{new}", "http://127.0.0.1:8000", "--inside", *known)
        host.switch(new)
        host.settle(new, state.previous)
        host.start_rest()
    except (HostError, OSError) as error:
        return lead_back(host, state, before, new, error)
    return complete(host, state, new, state.previous, state.previous_version)


# --- Files and names ------------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def replace(source: Path, target: Path) -> None:
    """Copy a file in one step, with its mode."""
    if source == target:
        return
    target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    new = target.with_name(f".{target.name}.new")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    mode = source.stat().st_mode & 0o777
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(source.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    new.replace(target)


def strip_tag(image: str) -> str:
    """Return an image's name without tag and digest; a port of the registry stays."""
    return re.sub(r":[^:/]+$", "", image.partition("@")[0])


def find_mount(path: Path) -> Path:
    """Return the path, or the first folder above it that is there."""
    while not path.exists():
        path = path.parent
    return path


# --- The command line -----------------------------------------------------------------------------


def show(host: Host, *, as_json: bool) -> int:
    """Print what runs and what ran before."""
    state = host.read_state()
    if as_json:
        print(json.dumps(asdict(state), indent=1))
        return DONE
    if not state.image:
        print("Nothing has been deployed here yet.")
        return DONE
    print(f"web-{state.colour} serves {state.image} (version {state.version}).")
    print(f"Before: {state.previous or 'nothing'}. Last deployment: {state.sentence}")
    for release in reversed(state.releases):
        print(f"  {release['time']}  {release['version']:10}  {release['image']}")
    return DONE


def wait_for(host: Host, order: str) -> int:
    """Wait until no deployment is running; print how this one ended, and return its status."""
    with host.lock(wait=True):
        state = host.read_state()
    if state.order != order:
        print("The connection was lost before the deployment began: nothing was changed.")
        return REFUSED
    print(state.sentence)
    return state.result


def run(arguments: argparse.Namespace, host: Host) -> int:
    """Run the command that changes something; it goes on when the connection is lost."""
    for number in (signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    try:
        with host.lock():
            if arguments.command == "rollback":
                return roll_back(host)
            return deploy(host, Path(arguments.incoming).resolve(), sys.stdin.read().strip())
    except BlockingIOError:
        print("Another deployment is running on this host; wait for it to end.")
        return LOCKED
    finally:
        if arguments.command == "deploy":  # it holds secrets, and is of no use to another one
            shutil.rmtree(arguments.incoming, ignore_errors=True)


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit status."""
    if sys.version_info < (3, 10):  # noqa: UP036 (a host's Python may be any)
        sys.stderr.write("host.py needs Python 3.10 or newer on the host.\n")
        return USAGE
    parser = argparse.ArgumentParser(prog="host.py", description="Operates AutoForge on its host.")
    parser.add_argument("--folder", default=str(Path(__file__).resolve().parent))
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("deploy").add_argument("incoming")
    commands.add_parser("rollback")
    commands.add_parser("status").add_argument("--json", action="store_true")
    commands.add_parser("wait").add_argument("order")
    options = parser.parse_args(arguments)
    folder = Path(options.folder).resolve()
    os.umask(0o022)  # files of the proxy and of Prometheus are for other users; secrets are 600
    if options.command == "status":
        return show(Host(folder), as_json=options.json)
    if options.command == "wait":
        return wait_for(Host(folder), options.order)
    with (folder / "deploy.log").open("a", encoding="utf-8") as log:
        return run(options, Host(folder, log))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
