"""Git repositories made by tests, and keys of the right shape that no provider ever issued."""

import os
import random
import string
import subprocess


def git(folder, *arguments):
    """Run git in a folder, away from this machine's configuration, always as the same person at the same time."""
    who = {"NAME": "Dev", "EMAIL": "dev@acme.example", "DATE": "2026-10-01T12:00:00Z"}
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in who.items()},
    }
    return subprocess.run(["git", "-C", str(folder), *arguments], env=environment, check=True, capture_output=True)


def new_checkout(folder):
    """Make a repository; the function it returns commits files and gives the folder back."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")

    def commit(files=None, *, tag=None):
        for path, content in (files or {}).items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
            git(folder, "add", "-f", path)
        git(folder, "commit", "-q", "--allow-empty", "-m", "change")
        if tag:
            git(folder, "tag", tag)
        return folder

    return commit


def noise(length, alphabet=string.ascii_letters + string.digits, seed=7):
    """Random characters, the same for the same seed."""
    return "".join(random.Random(f"{seed}{length}").choices(alphabet, k=length))


HEX = "0123456789abcdef"
