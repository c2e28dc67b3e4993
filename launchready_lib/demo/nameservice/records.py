"""What the zones of Harbor Club's world say, healthy or with a fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from launchready_lib.demo import names

SERIAL = 2026112401
_SOA = "SOA {server}. hostmaster.{zone}. {serial} 7200 900 1209600 300"
Faulty = Callable[[str], bool]


@dataclass(frozen=True)
class Record:
    """One line of a zone.

    Attributes:
        name: absolute, without the final dot.
        data: type and content as a zone file has them.
        proxied: whether the edge stands before it, as a Cloudflare export says.
    """

    name: str
    data: str
    proxied: bool = False


Zone = tuple[Record, ...]


def club(faulty: Faulty, dkim: Mapping[str, str], *, serial: int = SERIAL, second: bool = False) -> Zone:
    """The zone of harborclub.example as its first or second nameserver has it; `dkim` is selector -> record text."""
    if second and faulty("domain.nameservers"):
        serial -= 1
    server = next(iter(names.NAMESERVERS))
    records = [Record(names.DOMAIN, _SOA.format(server=server, zone=names.DOMAIN, serial=serial))]
    records += [Record(names.DOMAIN, f"NS {each}.") for each in names.NAMESERVERS]
    records += [Record(each, f"A {address}") for each, address in names.NAMESERVERS.items()]
    records += [_web(host, faulty) for host in names.EDGE_HOSTS]
    if second and faulty("domain.resolves"):
        records = [record for record in records if record.name != names.WWW]
    if faulty("subdomains.takeover"):
        records.append(Record(names.UNCLAIMED_HOST, f"CNAME {names.UNCLAIMED_NAME}."))
    if faulty("edge.ddos"):
        records.append(Record(names.FORMER, f"A {names.FORMER_ADDRESS}"))
    issuer = names.OTHER_CA_DOMAIN if faulty("tls.issuance") else names.CA_DOMAIN
    records.append(Record(names.DOMAIN, f'CAA 0 issue "{issuer}"'))
    return (*records, *_mail(faulty, dkim))


def _web(host: str, faulty: Faulty) -> Record:
    if host == names.API and faulty("edge.proxied"):
        return Record(host, f"A {names.ORIGIN_ADDRESS}")
    if host == names.APP and faulty("hosting.independent"):
        return Record(host, f"CNAME {names.TUNNEL_NAME}.")
    return Record(host, f"A {names.EDGE_ADDRESS}", proxied=True)


def _mail(faulty: Faulty, dkim: Mapping[str, str]) -> list[Record]:
    domain = names.DOMAIN
    records = [
        Record(domain, f"MX 10 {names.MAIL_HOST}."),
        Record(names.MAIL_HOST, f"A {names.MAIL_ADDRESS}"),
        Record(domain, txt(f"v=spf1 include:{names.SPF_INCLUDE} -all")),
    ]
    if faulty("mail.transport"):
        records.append(Record(domain, f"MX 20 {names.LOST_MAIL_HOST}."))
    if faulty("mail.spf"):
        records.append(Record(domain, txt("v=spf1 mx ~all")))
    for selector, key in dkim.items():
        cut = faulty("mail.dkim") and selector == names.DKIM_SELECTORS[0]
        records.append(Record(f"{selector}._domainkey.{domain}", txt(key[:255] if cut else key)))
    policy = f"_dmarc.{domain}.{domain}" if faulty("mail.dmarc") else f"_dmarc.{domain}"
    records.append(Record(f"_mta-sts.{domain}", txt(f"v=STSv1; id={SERIAL}00")))
    records.append(Record(f"_smtp._tls.{domain}", txt(f"v=TLSRPTv1; rua=mailto:tls@{domain}")))
    return [*records, Record(policy, txt(f"v=DMARC1; p=quarantine; rua=mailto:dmarc@{domain}"))]


def root(delegation_signers: Mapping[str, str]) -> Zone:
    """Our own root: `example` signed, the provider domains of the outside server unsigned."""
    server, address = names.ROOT_SERVER
    zones = [Record("", _SOA.format(server=server, zone="nic.example", serial=SERIAL)), Record("", f"NS {server}.")]
    zones += _delegation(names.TLD, {names.TLD_SERVER[0]: names.TLD_SERVER[1]}, delegation_signers)
    for provider in outside():
        if not provider.endswith(f".{names.TLD}"):
            zones += _delegation(provider, dict([names.OUTSIDE_SERVER]), delegation_signers)
    return (*zones, *_glue({server: address, **dict([names.TLD_SERVER, names.OUTSIDE_SERVER])}))


def registry(delegation_signers: Mapping[str, str]) -> Zone:
    """The zone of the top-level domain `example`, with the registry's own hosts in it."""
    server, _ = names.TLD_SERVER
    zone = names.TLD
    records = [Record(zone, _SOA.format(server=server, zone=zone, serial=SERIAL)), Record(zone, f"NS {server}.")]
    records += _delegation(names.DOMAIN, names.NAMESERVERS, delegation_signers)
    records += _glue(names.NAMESERVERS)
    records += _delegation(names.MAIL_PROVIDER_DOMAIN, dict([names.OUTSIDE_SERVER]), delegation_signers)
    hosts = [names.TLD_SERVER, names.ROOT_SERVER, names.OUTSIDE_SERVER, (names.RDAP_HOST, names.RDAP_ADDRESS)]
    return (*records, *_glue(dict(hosts)))


def outside() -> dict[str, Zone]:
    """The zones of other people that Harbor Club's records lead to, by origin."""
    provider = names.MAIL_PROVIDER_DOMAIN
    own = {
        provider: (Record(names.SPF_INCLUDE, txt(f"v=spf1 ip4:{names.SENDER_NETWORK} -all")),),
        "trycloudflare.com": (Record(names.TUNNEL_NAME, f"A {names.TUNNEL_ADDRESS}"),),
        "azurewebsites.net": (),
    }
    server, _ = names.OUTSIDE_SERVER
    return {
        zone: (
            Record(zone, _SOA.format(server=server, zone=zone, serial=SERIAL)),
            Record(zone, f"NS {server}."),
            *records,
        )
        for zone, records in own.items()
    }


def _delegation(zone: str, servers: Mapping[str, str], delegation_signers: Mapping[str, str]) -> list[Record]:
    records = [Record(zone, f"NS {server}.") for server in servers]
    return [*records, Record(zone, f"DS {delegation_signers[zone]}")] if zone in delegation_signers else records


def _glue(servers: Mapping[str, str]) -> list[Record]:
    return [Record(server, f"A {address}") for server, address in servers.items()]


def txt(text: str) -> str:
    """A TXT record's content in strings of at most 255 octets (RFC 1035 section 3.3.14)."""
    return "TXT " + " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))


def zone_file(records: Zone) -> str:
    """The zone as a DNS host exports it, with Cloudflare's marks for proxied records."""
    lines = [f"{record.name}. 300 IN {record.data}{_tags(record)}" for record in records]
    head = f";; Domain:     {names.DOMAIN}.\n$ORIGIN {names.DOMAIN}.\n"
    return head + "\n".join(lines) + "\n"


def _tags(record: Record) -> str:
    can_be_proxied = record.data.split(" ", 1)[0] in {"A", "AAAA", "CNAME"}
    return f" ; cf_tags=cf-proxied:{str(record.proxied).lower()}" if can_be_proxied else ""
