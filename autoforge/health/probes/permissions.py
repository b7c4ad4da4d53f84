"""Are files with secrets and data for us alone?"""

from django.conf import settings

from autoforge.health.errors import ProbeError
from core.database.outages import database_file
from core.file_modes import find_env_files, readable_by_others, writable_by_all
from core.private_files import list_database_files


def probe() -> str:
    """Return how many files were looked at.

    Raises:
        ProbeError: others may read a file of secrets or of data.
    """
    secret_files = find_env_files(settings.BASE_DIR)
    in_use = settings.ENVIRONMENT.file
    if in_use is not None and in_use not in secret_files and in_use.name.startswith(".env"):
        secret_files.append(in_use)
    open_files = readable_by_others(secret_files)
    if open_files:
        names = " ".join(path.name for path in open_files)
        raise ProbeError(f"other users can read {names}", f"Run `chmod 600 {names}`.")
    path = database_file()
    if path is not None and writable_by_all(path):
        raise ProbeError(f"any user can write to {path.name}", f"Run `chmod 600 {path.name}`.")
    data_files = list(list_database_files(path)) if path is not None else []
    if settings.QUEUE == "sqlite":
        data_files += list_database_files(settings.ENVIRONMENT.queue_file)
    open_files = readable_by_others(data_files)
    if open_files:
        names = " ".join(file.name for file in open_files)
        raise ProbeError(f"other users can read {names}", f"Run `chmod 600 {names}`.")
    return f"{len(secret_files)} files with secrets, readable only by their owner"
