"""Changes to a DNS zone, printed as BIND lines (RFC 1035 section 5.1) and as octoDNS YAML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from launchready_lib.kit.quoting import comment, is_plain_name

TTL = 3600
_CHUNK = 255
_ESCAPES = {n: f"\\{n:03d}" for n in (*range(32), *range(127, 256))} | {ord(char): f"\\{char}" for char in '"\\'}
_CAA = re.compile(r'(\d{1,3}) ([a-z0-9]{1,15}) "([^"\\]*)"')
_RULE = "Each name and type here takes the place of all that the zone holds under that name and type."


@dataclass(frozen=True)
class RecordSet:
    """Records of one plain name (no final dot) and type: presentation form with absolute names, of TXT the bare text.

    `proxied`: whether Cloudflare stands before it, None where that does not arise; `why`: for whoever pastes it.
    """

    name: str
    rdtype: str
    values: tuple[str, ...]
    why: str = ""
    proxied: bool | None = None

    def __post_init__(self) -> None:
        if not is_plain_name(self.name):
            raise ValueError("the name of a record set is not plain")


@dataclass(frozen=True)
class Removal:
    """A name and type that should go."""

    name: str
    rdtype: str
    why: str = ""


@dataclass(frozen=True)
class ZonePatch:
    """What to change in one zone; `notes`: what nobody but the founder can fill in or decide, a line each."""

    zone: str
    title: str
    sets: tuple[RecordSet, ...] = ()
    removals: tuple[Removal, ...] = ()
    notes: tuple[str, ...] = ()
    fixes: tuple[str, ...] = ()


Change = RecordSet | Removal | str
"""What to change; a text is what nobody but the founder can fill in or decide."""


def of(zone: str, check: str, changes: Iterable[Change]) -> Iterator[tuple[str, str, Change]]:
    """These changes of one zone, marked as made for this check."""
    return ((zone, check, change) for change in changes)


def patched(title: str, changes: Iterable[tuple[str, str, Change]]) -> tuple[ZonePatch, ...]:
    """One patch a zone, of (zone, check, change); of two sets for the same name and type the later one stands."""
    zones: dict[str, list[tuple[str, Change]]] = {}
    for zone, check, change in changes:
        zones.setdefault(zone, []).append((check, change))
    return tuple(
        ZonePatch(
            zone,
            f"{zone}: {title}",
            tuple({(c.name, c.rdtype): c for _, c in found if isinstance(c, RecordSet)}.values()),
            tuple({(c.name, c.rdtype): c for _, c in found if isinstance(c, Removal)}.values()),
            tuple(dict.fromkeys(c for _, c in found if isinstance(c, str))),
            tuple(dict.fromkeys(check for check, _ in found)),
        )
        for zone, found in zones.items()
    )


def bind(patch: ZonePatch) -> str:
    """The patch as lines of a zone file; what to remove, and what nobody but the founder knows, as comments."""
    lines = [f"; {comment(patch.title)}", f"; {_RULE}"]
    for each in patch.sets:
        lines.append(f"; {comment(each.why)}" if each.why else ";")
        mark = "" if each.proxied is None else f" ; cf_tags=cf-proxied:{str(each.proxied).lower()}"
        lines += [f"{each.name}. {TTL} IN {each.rdtype} {presentation(each.rdtype, v)}{mark}" for v in each.values]
    for gone in patch.removals:
        if is_plain_name(gone.name):
            lines += [f"; {comment(gone.why)}" if gone.why else ";", f"; remove: {gone.name}. {gone.rdtype}"]
    return "\n".join([*lines, *(f"; to do: {comment(note)}" for note in patch.notes)]) + "\n"


def presentation(rdtype: str, value: str) -> str:
    """One record's content as a zone file has it; TXT in strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    if rdtype != "TXT":
        return value
    octets = value.encode("latin-1", "replace")
    chunks = [octets[at : at + _CHUNK] for at in range(0, len(octets), _CHUNK)] or [b""]
    return " ".join(f'"{chunk.decode("latin-1").translate(_ESCAPES)}"' for chunk in chunks)


def octodns(patch: ZonePatch) -> str:
    """The patch as octoDNS has zones in YAML, to be merged into the zone's own file."""
    head = [comment(patch.title), _RULE, "Merge it into your zone's file: octoDNS removes what its file does not hold."]
    if any(each.rdtype == "TXT" and ";" in value for each in patch.sets for value in each.values):
        head.append("TXT is written for YamlProvider's escaped_semicolons: true, the default of octoDNS 1.")
    tail = [f"remove: {gone.name} {gone.rdtype}" for gone in patch.removals if is_plain_name(gone.name)]
    names: dict[str, list[dict[str, Any]]] = {}
    for each in patch.sets:
        key = "" if each.name == patch.zone else each.name.removesuffix(f".{patch.zone}")
        if body := _octodns_set(each):
            names.setdefault(key, []).append(body)
        else:
            refused = f"{each.name} {each.rdtype} holds characters that octoDNS refuses"
            tail.append(f"to do: {refused}; take it from the zone")
    tail += [f"to do: {comment(note)}" for note in patch.notes]
    tree = {name: found[0] if len(found) == 1 else found for name, found in names.items()}
    text = yaml.safe_dump(tree, sort_keys=True, width=10_000, allow_unicode=False) if tree else "{}\n"
    text = re.sub(r"(?m)^\? ''\n: ", "'':\n  ", text)  # the bare domain's key, as people write it
    return "".join(f"# {line}\n" for line in head) + "---\n" + text + "".join(f"# {line}\n" for line in tail)


def _octodns_set(each: RecordSet) -> dict[str, Any] | None:
    values: list[Any] = [_octodns_value(each.rdtype, value) for value in each.values]
    if any(value is None for value in values):
        return None
    body: dict[str, Any] = {"ttl": TTL, "type": each.rdtype}
    body |= {"value": values[0]} if len(values) == 1 else {"values": values}
    return body if each.proxied is None else body | {"octodns": {"cloudflare": {"proxied": each.proxied}}}


def _octodns_value(rdtype: str, value: str) -> Any:
    if rdtype == "TXT":
        plain = all(32 <= ord(char) < 127 and char not in '"\\' for char in value)
        return value.replace(";", "\\;") if plain else None
    if rdtype == "CAA":
        match = _CAA.fullmatch(value)
        return {"flags": int(match[1]), "tag": match[2], "value": match[3]} if match else None
    if rdtype == "MX":
        preference, _, exchange = value.partition(" ")
        return {"preference": int(preference), "exchange": exchange}
    return value
