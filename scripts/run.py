"""`make run` inside the virtual environment: prepare what is missing, then serve.

Everything that can be refused is refused before anything is written. The steps are in `launch`;
making the virtual environment is `bootstrap.py`'s.
"""

import logging
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the project's packages

from launch import database
from launch.env_file import write_env_file
from launch.errors import LaunchError
from launch.libsql import local_server
from launch.server import LOOPBACK, LocalServer, end_like_ctrl_c, open_server, url
from launch.terminal import say, set_up, step, strong, warn

from autoforge.environment import ConfigurationError, Environment, load

ROOT = Path(__file__).resolve().parent.parent
# Pages work without Redis: the start does not wait for a server that is away.
REDIS_TIMEOUT_SECONDS = 1


def main() -> int:
    """Launch; return the exit status.

    0: stopped by Ctrl-C or SIGTERM while it served, 130: before that, 1: refused in a sentence.
    """
    set_up()
    end_like_ctrl_c()
    try:
        _refuse_deployed(os.environ.get("APP_ENV", "").strip())  # before it asks for their secrets
        with local_server(ROOT):
            is_at_rest = _launch()
    except LaunchError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nStopped.")
        return 130
    if not is_at_rest:
        os._exit(0)  # Python would wait for the thread of the run without an end
    return 0


def _launch() -> bool:
    """Serve until Ctrl-C; return whether all work in the background has come to its end."""
    environment = _read_environment()
    with open_server(environment.host, environment.port) as server:
        database.check_file(environment.databases["default"], ROOT)
        _write_secrets(environment)
        application = _start_django(environment)
        _look_for_redis(environment)
        # Nothing comes between this and showing the password.
        login = database.prepare(_relative_path(environment.databases["default"]["NAME"]))
        return _serve(server, application, environment, login)


def _read_environment() -> Environment:
    try:
        environment = load(os.environ, ROOT)
    except ConfigurationError as error:
        raise LaunchError(f"Configuration error: {error}") from error
    _refuse_deployed(environment.app_env, environment.file)
    return environment


def _refuse_deployed(app_env: str, file: Path | None = None) -> None:
    if app_env not in {"staging", "production"}:
        return
    remedy = f"Set APP_ENV=local, or remove {file.name}" if file else "Unset APP_ENV"
    raise LaunchError(
        f"make run is for development, but APP_ENV is '{app_env}'. {remedy}, or deploy "
        "with gunicorn as described in docs/deployment.md."
    )


def _write_secrets(environment: Environment) -> None:
    if environment.missing_file is not None:
        warn(
            f"ENV_FILE is {environment.missing_file}, which does not exist; using the default "
            "secrets, which are public and only fit for a trial on one machine"
        )
    elif environment.file is None:
        write_env_file(ROOT / ".env.local")
        step("Wrote .env.local with new secrets (readable only by you)")


def _start_django(environment: Environment) -> Any:
    """Return the WSGI application, after the system checks."""
    import django  # its settings read what was just written
    from django.core import checks
    from django.core.exceptions import ImproperlyConfigured
    from django.core.servers.basehttp import get_internal_wsgi_application

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autoforge.settings")
    try:
        django.setup()
        messages = checks.run_checks()
    except ImproperlyConfigured as error:
        raise LaunchError(f"Configuration error: {error}") from error
    is_serious = False
    for message in messages:
        if message.level < checks.WARNING or message.is_silenced():
            continue
        warn(" ".join(str(message).replace("HINT:", "").split()))
        if message.is_serious():
            is_serious = True
    if is_serious:
        raise LaunchError("Fix the problems above, then run the command again.")
    application = get_internal_wsgi_application()
    _quieten(environment)  # after it, for it sets up Django's logging once more
    return application


def _quieten(environment: Environment) -> None:
    """Keep requests off the terminal, where they would push the password out of sight.

    Warnings and errors stay, and LOG_LEVEL=INFO brings everything back.
    """
    if environment.sources.get("LOG_LEVEL") == "default":
        for name in ("django.server", "autoforge.requests"):
            logging.getLogger(name).setLevel(logging.WARNING)


def _look_for_redis(environment: Environment) -> None:
    if environment.redis_url is None:
        return
    import redis  # only where there is one

    client = redis.Redis.from_url(
        environment.redis_url,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
    )
    try:
        client.ping()
    except redis.RedisError:
        warn(
            "Redis is configured but not responding; pages work without it. "
            f"{_python()} manage.py check_health shows details"
        )
    finally:
        client.close()


def _serve(
    server: LocalServer, application: object, environment: Environment, login: database.Login
) -> bool:
    with suppress(KeyboardInterrupt):
        _announce(environment, login)
        _take_up_runs()
        server.run(application)
    is_at_rest = _stop_runs()
    database.close()
    say("\nStopped.")
    return is_at_rest


def _stop_runs() -> bool:
    """Store what runs have in flight and leave them to the next start; Ctrl-C again does not wait.

    Returns:
        Whether they could be stored in time.
    """
    from autoforge.background import stop_background  # needs Django's settings
    from core.stopping import stop_request

    stop_request.ask()
    try:
        return stop_background()
    except KeyboardInterrupt:
        return False


def _take_up_runs() -> None:
    """Go on with evaluations that an earlier process of this machine left."""
    from evaluations.tasks import resume_runs  # needs Django's settings

    count = resume_runs()
    if count:
        runs = "1 run" if count == 1 else f"{count} runs"
        step(f"Resuming {runs} that the last process left unfinished")


def _announce(environment: Environment, login: database.Login) -> None:
    address = url(environment.host, environment.port)
    say()
    say(f"  {strong('AutoForge')} runs at {strong(address)}")
    change = f"{_python()} manage.py changepassword {database.ADMIN}"
    if login.password is not None:
        say(f"  Log in as {strong(database.ADMIN)} with the password {strong(login.password)}")
        say(f"  The password is not shown again; to change it: {change}")
    elif login.has_admin:
        say(f"  Log in as {strong(database.ADMIN)} with the password shown on the first run")
        say(f"  To change it: {change}")
    else:
        say("  Log in as one of your users")
        say(f"  To create an administrator: {_python()} manage.py createsuperuser")
    if environment.host not in LOOPBACK:
        say(f"  Serves the hosts in ALLOWED_HOSTS: {', '.join(environment.allowed_hosts)}")
    say("  Press Ctrl-C to stop")
    say()


def _python() -> str:
    return _relative_path(sys.executable)


def _relative_path(path: Any) -> str:
    """Return `path`, from the project's folder where it is inside."""
    if Path(path).is_relative_to(ROOT):
        return str(Path(path).relative_to(ROOT))
    return str(path)


if __name__ == "__main__":
    sys.exit(main())
