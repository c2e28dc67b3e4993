"""What a secret is worth: too short, or an ordinary word, it can neither be kept out of results nor masked everywhere.

The word list is `data/common_words.txt.gz`, which says where it comes from.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from launchready_lib.parameters.model import Parameters
from launchready_lib.parameters.problems import ParametersError, Problem
from launchready_lib.paths import PACKAGE

SHORTEST = 8
"""From this length on a secret that is no word is masked everywhere and in every spelling."""


@functools.cache
def _listed() -> frozenset[str]:
    text = gzip.decompress((PACKAGE / "data" / "common_words.txt.gz").read_bytes()).decode()
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def ordinary(text: str) -> bool:
    """Whether a text is a common password or word, in any case of its letters."""
    return text.lower() in _listed()


def weakness(value: str) -> str | None:
    """What is wrong with a secret, in words that do not repeat it; None for one that is neither short nor ordinary."""
    if len(value) < SHORTEST:
        return f"is shorter than {SHORTEST} characters"
    return "is a common password or an ordinary word" if ordinary(value) else None


def parts(value: str) -> Iterator[str]:
    """The secret, and the pieces of it that are secret by themselves: the password of a URL, the lines of a key."""
    yield value
    if value.strip() != value:
        yield value.strip()
    if "://" in value:
        try:
            password = urlsplit(value).password
        except ValueError:
            password = None
        if password:
            yield password
            yield unquote(password)
    if "\n" in value:
        yield from (line.strip() for line in value.splitlines() if len(line.strip()) >= 16 and "-----" not in line)


def accept(parameters: Parameters, environment: Mapping[str, str], *, file: str | None = None) -> None:
    """Refuse test accounts with a weak password: raises `ParametersError` with each variable, never with its value.

    A password that is a word would be masked wherever that word stands, and one that is short be read in other text.
    """
    accounts = {"member": parameters.accounts.member, "admin": parameters.accounts.admin}
    problems = []
    for role, account in accounts.items():
        for name in account.password.names if account else ():
            value = environment.get(name)
            if value and (why := weakness(value)):
                message = f"the value of {name} {why}: give the test account another password"
                problems.append(Problem(message, f"client.accounts.{role}.password", file))
    if problems:
        raise ParametersError(problems)
