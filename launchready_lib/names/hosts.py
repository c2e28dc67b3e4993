"""Which names belong to a client, and what of a name can be registered."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from launchready_lib.network import normal

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def registrable(name: str) -> str:
    """The part of a name that a registry registers (ICANN suffixes only); the name itself where it is a suffix."""
    name = normal(name)
    found = _suffixes().privatesuffix(name)
    return str(found) if found else name


def under(name: str, domain: str) -> bool:
    """Whether a name is a domain or lies below it."""
    name, domain = normal(name), normal(domain)
    return name == domain or name.endswith(f".{domain}")


def canonical_host(parameters: Parameters) -> str | None:
    """The host of `site.canonical`; None where it is not given."""
    origin = parameters.site.canonical
    host = urlsplit(origin).hostname if origin else None
    return normal(host) if host else None


def main_hosts(parameters: Parameters) -> tuple[str, ...]:
    """Apex, www and the canonical host, each once."""
    domain = normal(parameters.domain)
    names = (domain, f"www.{domain}", canonical_host(parameters))
    return tuple(dict.fromkeys(name for name in names if name))


def public_hosts(parameters: Parameters) -> tuple[str, ...]:
    """The main hosts and every declared subdomain, each once."""
    declared = (normal(each.host) for each in parameters.site.subdomains.values())
    return tuple(dict.fromkeys((*main_hosts(parameters), *declared)))


def listed(names: Iterable[object], *, most: int = 6) -> str:
    """Join names for a sentence: "a, b and 3 more"; empty where there are none."""
    texts = [str(name) for name in names]
    if len(texts) > most:
        texts = [*texts[: most - 1], f"{len(texts) - most + 1} more"]
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if len(texts) > 1 else "".join(texts)


def counted(number: int, noun: str, plural: str = "s") -> str:
    """A number and its noun: "1 name", "2 names"; `plural` is the ending."""
    return f"{number} {noun}{plural if number != 1 else ''}"
