"""What every public host, and every mail host of the client's own, says in its TLS handshakes."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pandas as pd

from launchready_lib.checks.secure_edge.tls import starttls
from launchready_lib.checks.secure_edge.tls.handshake import PORT, Handshake
from launchready_lib.checks.secure_edge.tls.stapling import Staple
from launchready_lib.evidence import Row, Unavailable
from launchready_lib.names.zone_hosts import NO_ZONE_HOSTS, ZoneHosts
from launchready_lib.network import Answer, Response
from launchready_lib.site import web
from launchready_lib.site.certificates import Certificate
from launchready_lib.wording import brief, listed


@dataclass(frozen=True)
class HostTls:
    """One host.

    Attributes:
        read: the handshake that trusts anything; trusted: the one that trusts what a browser does.
        versions: version -> the handshake that offered that one alone.
        chain: the certificates sent, own first; malformed ones left out, `malformed` counts them.
        caa: the CAA answers on the way up from the name (RFC 8659 §3), the last being the one that counts.
        port: 443, or 25 of a mail host, where one handshake offers every version.
        staple: what its OCSP answer says; None where it was not asked for.
    """

    host: str
    read: Handshake
    trusted: Handshake
    versions: dict[str, Handshake] = field(default_factory=dict)
    chain: tuple[Certificate, ...] = ()
    malformed: int = 0
    caa: tuple[Answer, ...] = ()
    port: int = PORT
    staple: Staple | None = None

    @property
    def is_mail(self) -> bool:
        """It takes mail from other servers."""
        return self.port == starttls.PORT

    @property
    def title(self) -> str:
        """How it is called in a sentence."""
        return f"{self.host} (mail)" if self.is_mail else self.host

    @property
    def own(self) -> Certificate | None:
        """The host's own certificate."""
        return self.chain[0] if self.chain else None

    def unseen(self) -> Unavailable | None:
        """Why its certificate could not be seen; None where it was, or where the host does not speak TLS at all."""
        if self.read.state in ("ok", "tls", "plain"):
            return None
        if self.is_mail:
            return self._mail_unseen()
        url = f"https://{self.host}/"
        return web.why_unseen(url, Response("TLS", url, self.read.state, error=self.read.error))  # type: ignore[arg-type]

    def _mail_unseen(self) -> Unavailable:
        what, state = f"port {self.port} of {self.host}", self.read.state
        if state == "blocked":
            return Unavailable(f"{what} was not asked: {self.read.error}", f"authorization.hosts: [{self.host}]")
        if state == "dns":
            return Unavailable(f"{what} was not asked: {self.read.error}", "nameservers that answer")
        if state == "shut":
            reason = f"{what} does not talk to the audit ({self.read.error})"
            return Unavailable(reason, "a run from an address that mail servers talk to")
        return Unavailable(f"{what} was not reached: {self.read.error}", "a run from a network that lets port 25 out")


@dataclass(frozen=True)
class TlsEvidence:
    """Every public host and mail host, and the moment of looking.

    Attributes:
        hosts: declared ones, those of the zone file that answer, and mail hosts of the client's own.
        zone: the zone file's names beside the declared ones.
        others: mail hosts that somebody else runs, which were not looked at.
        missing: domains whose mail hosts are not known.
    """

    hosts: tuple[HostTls, ...]
    now: dt.datetime
    zone: ZoneHosts = NO_ZONE_HOSTS
    others: tuple[str, ...] = ()
    missing: tuple[Unavailable, ...] = ()

    def frame(self) -> pd.DataFrame:
        """One row a host."""
        return pd.DataFrame([*(row(host, self.now) for host in self.hosts), *other_rows(self)])


def other_rows(tls: TlsEvidence) -> list[Row]:
    """The mail hosts that were not looked at, and why."""
    why = "not looked at: somebody else runs it, and authorization.hosts does not name it"
    return [{"host": f"{name} (mail)", "state": why} for name in tls.others]


def row(host: HostTls, now: dt.datetime) -> Row:
    """A host's certificate in one row."""
    own = host.own
    if own is None:
        return {"host": host.title, "state": host.read.state, "error": host.read.error}
    return {
        "host": host.title,
        "state": host.read.state,
        "names": listed(own.names),
        "issuer": own.issuer,
        "from": own.starts.date().isoformat(),
        "until": own.ends.date().isoformat(),
        "days_left": (own.ends - now).days,
        "will_it_renew": own.renewal(now),
        "key": own.key,
        "signature": own.signature,
        "sent": " > ".join(certificate.subject for certificate in host.chain),
        "versions": brief(name for name, shake in host.versions.items() if shake.state == "ok"),
        "http_2": None if host.is_mail else host.read.h2,
        "ocsp": _staple(host.staple),
    }


def _staple(staple: Staple | None) -> str | None:
    if staple is None:
        return None
    until = f" until {staple.until.date().isoformat()}" if staple.until is not None else ""
    return {
        "good": f"sent along: good{until}",
        "revoked": "sent along: revoked",
        "none": "none sent, which is no fault",
        "stale": f"sent along, but it was good only{until}",
        "invalid": "sent along, but not signed for this certificate: browsers ignore it",
        "unseen": "not seen: it travels encrypted where TLS 1.2 is not spoken",
    }[staple.state]
