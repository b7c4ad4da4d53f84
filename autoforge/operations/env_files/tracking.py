"""Whether git keeps a file, and so everybody who clones has it."""

import os
import subprocess
from pathlib import Path

from autoforge.operations.env_files.errors import EnvFileError

__all__ = ["is_tracked"]

GIT_SECONDS = 10  # a repository on a network drive may be slow, and must not hang the check


def is_tracked(path: Path) -> bool:
    """Whether a file is in a git repository's index; False where there is no repository.

    Raises:
        EnvFileError: there is a repository, and git cannot be asked.
    """
    folder = path.resolve().parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return False
    command = ["git", "-C", str(folder), "ls-files", "--", path.name]
    # Inside of a git hook GIT_DIR names that repository, and git would look there.
    environment = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    try:
        listing = subprocess.run(  # noqa: S603 (fixed arguments, and the name of a file that exists)
            command, capture_output=True, check=False, timeout=GIT_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvFileError(
            f"git could not be asked whether it keeps {path} ({error}); install git, or check the "
            "file where there is no repository."
        ) from error
    if listing.returncode != 0:
        reason = listing.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise EnvFileError(f"git could not be asked whether it keeps {path}: {reason}")
    return bool(listing.stdout.strip())
