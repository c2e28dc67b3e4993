"""The leaves that name places on the network: hosts, addresses, ports, URLs, e-mail addresses, header names."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

import idna

from launchready_lib.parameters.fields import text, wrong

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_EMAIL = re.compile(r"[^@\s<>,;]+@([^@\s<>,;]+)\Z")
_WORD_FIRST = re.compile(r"\{[a-z_][a-z0-9_]*\}[^\s]*\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


def hostname(value: str) -> str:
    """Normalise a host's name: lower case, no final dot, punycode (IDNA 2008, UTS 46); raises `PydanticCustomError`."""
    name = value.rstrip(".").lower()
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise wrong("expected a host name; these characters cannot stand in one") from None
    if len(name) > 253 or not all(_LABEL.match(label) for label in name.split(".")) or name.split(".")[-1].isdigit():
        raise wrong("expected a host name such as acme.example, without https://, port or path")
    return name


def domain_name(value: str) -> str:
    """Normalise a domain: a host's name of at least two labels; raises `PydanticCustomError` where it is not one."""
    name = hostname(value)
    if "." not in name or "_" in name:
        raise wrong("expected a domain such as acme.example")
    return name


def _host_or_address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        return hostname(value)


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value.strip("[]")))
    except ValueError:
        raise wrong("expected an address such as 203.0.113.10 or 2001:db8::1") from None


def _network(value: str) -> str:
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise wrong("expected a network such as 203.0.113.0/24, its host bits zero") from None
    if network.prefixlen < (8 if network.version == 4 else 16):
        raise wrong("this network is too wide to be one client's")
    return str(network)


def _host_pattern(value: str) -> str:
    if "/" in value and "//" not in value:
        return _network(value)
    if value.startswith("*."):
        return f"*.{domain_name(value[2:])}"
    if "*" in value:
        raise wrong("a pattern is *.name (any depth, not the name itself)")
    return _host_or_address(value)


def _split_port(value: str) -> tuple[str, int | None]:
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", value, re.ASCII)
    simple = re.fullmatch(r"([^:\[\]]+)(?::(\d{1,5}))?", value, re.ASCII)
    match = bracketed or simple
    if match is None and value.count(":") > 1:
        return value, None
    if match is None:
        raise wrong("expected host or host:port, an IPv6 address in [brackets]")
    port = int(match[2]) if match[2] else None
    if port is not None and not 0 < port < 65536:
        raise wrong("a port is a number from 1 to 65535")
    return match[1], port


def _joined(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _nameserver(value: str) -> str:
    host, port = _split_port(value)
    return _joined(_host_or_address(host), port)


def _host_port(value: str) -> str:
    host, port = _split_port(value)
    if port is None:
        raise wrong("expected host:port, such as 127.0.0.1:8443")
    return _joined(_host_or_address(host), port)


def _connect_from(value: str) -> str:
    host, port = _split_port(value)
    if port is None:
        raise wrong("expected host:port, such as acme.example:443 or *:25")
    return _joined("*" if host == "*" else _host_or_address(host), port)


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        raise wrong("not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok or " " in value:
        raise wrong("expected a URL such as https://acme.example/")
    if "@" in parts.netloc:
        raise wrong("a user name or password does not belong in this URL")
    _host_or_address(parts.hostname)
    return value


def _origin(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong("expected an origin such as https://acme.example, without a path")
    return f"{parts.scheme}://{_joined(_host_or_address(parts.hostname or ''), parts.port)}"


def _url_or_path(value: str) -> str:
    if value.startswith("/") and not value.startswith("//"):
        return value
    if "://" in value:
        return _url(value)
    raise wrong("expected a path that starts with / (or a whole URL)")


def _email(value: str) -> str:
    match = _EMAIL.match(value)
    if match is None:
        raise wrong("expected an e-mail address")
    hostname(match[1])
    return value


def _email_pattern(value: str) -> str:
    if "{n}" not in value:
        raise wrong("expected a pattern such as audit+{n}@acme.example; {n} differs in every run")
    _email(value.replace("{n}", "1"))
    return value


def _header_name(value: str) -> str:
    if not _HEADER_NAME.match(value):
        raise wrong("expected a header's name, such as X-Audit")
    return value


Host = Annotated[str, text(hostname)]
Domain = Annotated[str, text(domain_name)]
Address = Annotated[str, text(_address)]
NetworkRange = Annotated[str, text(_network)]
HostPattern = Annotated[str, text(_host_pattern)]
NamedHostPattern = Annotated[str, text(lambda v: f"*.{domain_name(v[2:])}" if v.startswith("*.") else hostname(v))]
Nameserver = Annotated[str, text(_nameserver)]
HostPort = Annotated[str, text(_host_port)]
ConnectFrom = Annotated[str, text(_connect_from)]
Url = Annotated[str, text(_url)]
Origin = Annotated[str, text(_origin)]
UrlOrPath = Annotated[str, text(_url_or_path)]
StepAddress = Annotated[str, text(lambda value: value if _WORD_FIRST.match(value) else _url_or_path(value))]
"""An address in a step: as any other, or one that a word in braces starts, as in {link}."""
Email = Annotated[str, text(_email)]
EmailPattern = Annotated[str, text(_email_pattern)]
HeaderName = Annotated[str, text(_header_name)]
