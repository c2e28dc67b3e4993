"""One record set against its signatures (RFC 4035 section 5.3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import dns.dnssec
import dns.exception
import dns.name
import dns.rrset

RRset = dns.rrset.RRset
# A hostile zone may publish signatures by the hundred, each of which would have to be tried.
_MOST_SIGNATURES = 8


def problem(rrset: RRset, signatures: Sequence[Any], keys: RRset, now: dt.datetime) -> tuple[str, str] | None:
    """None where one signature validates; else what is wrong, as a clause and as a short name."""
    reasons: list[tuple[str, str]] = []
    for signature in signatures[:_MOST_SIGNATURES]:
        if signature.signer != keys.name:
            reasons.append((f"it is signed in the name of {text_of(signature.signer)}", "signer"))
            continue
        try:
            dns.dnssec.validate_rrsig(
                rrset,
                signature,
                {keys.name: keys.to_rdataset()},
                now=now.timestamp(),
                policy=dns.dnssec.allow_all_policy,
            )
        except dns.exception.ValidationFailure as error:
            reasons.append(_reason(signature, str(error)))
        except (dns.exception.DNSException, ValueError, OverflowError) as error:
            reasons.append((f"its signature cannot be read ({type(error).__name__})", "malformed"))
        else:
            return None
    return reasons[0] if reasons else ("it carries no signature", "unsigned")


def _reason(signature: Any, error: str) -> tuple[str, str]:
    if error == "expired":
        return f"its signature ended on {_when(signature.expiration)}", "expired"
    if error == "not yet valid":
        return f"its signature starts only on {_when(signature.inception)}", "early"
    if error == "unknown key":
        return f"it is signed with key {signature.key_tag}, which the zone does not publish", "key"
    return "its signature does not match its content", "signature"


def _when(timestamp: int) -> str:
    return f"{dt.datetime.fromtimestamp(timestamp, dt.UTC):%Y-%m-%d %H:%M} UTC"


def text_of(name: dns.name.Name) -> str:
    """A name without its final dot; "." for the root."""
    return str(name.to_text(omit_final_dot=True)) or "."
