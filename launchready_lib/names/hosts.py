"""Which names belong to a client, and what of a name can be registered."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList

from launchready_lib.network import normal

if TYPE_CHECKING:
    from launchready_lib.parameters import Parameters


@cache
def _suffixes(*, only_icann: bool) -> PublicSuffixList:
    return PublicSuffixList(only_icann=only_icann)


def registered_domain(name: str) -> str:
    """The part of a name that a registry registers (ICANN suffixes only); the name itself where it is a suffix."""
    name = normal(name)
    found = _suffixes(only_icann=True).privatesuffix(name)
    return str(found) if found else name


def registrable_domain(host: str) -> str:
    """The part of a host under which a site is one (HTML; private suffixes count: shop.github.io is one), or itself."""
    return str(_suffixes(only_icann=False).privatesuffix(host) or host)


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
