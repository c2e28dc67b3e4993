"""What the kit prints for DNS, pasted into the running world as it is, turns the finding green on the next probe."""

import pytest
from kit_bench import hosts, mailing, names, opened

pytestmark = [pytest.mark.world, pytest.mark.anyio]

FAULTS = [
    pytest.param("domain.resolves", names, id="a nameserver without www"),
    pytest.param("subdomains.takeover", names, id="a record to a service given up"),
    pytest.param("edge.proxied", hosts, id="a host past the edge"),
    pytest.param("edge.ddos", hosts, id="a host with nothing before it"),
    pytest.param("mail.transport", mailing, id="a mail host without an address"),
    pytest.param("mail.spf", mailing, id="two SPF records"),
    pytest.param("mail.dmarc", mailing, id="a DMARC record at a doubled name"),
]
BROKEN = [
    pytest.param("harborclub.example. IN TXT \"v=spf1 +all\"", "mail.spf", mailing, id="everybody may send"),
    pytest.param("harborclub.example. IN TXT \"v=spf1 include:gone.example.org ~all\"", "mail.spf", mailing,
                 id="an include that is gone and the sender not covered"),
    pytest.param("; remove: _dmarc.harborclub.example. TXT", "mail.dmarc", mailing, id="no DMARC record"),
    pytest.param('_dmarc.harborclub.example. IN TXT "v=DMARC1; p=reject"', "mail.dmarc", mailing, id="no reports"),
    pytest.param('_smtp._tls.harborclub.example. IN TXT "v=TLSRPTv1; rua=nobody"', "mail.transport", mailing,
                 id="TLS reports to nobody"),
    pytest.param("; remove: harborclub.example. CAA", "tls.issuance", hosts, id="no CAA record"),
    pytest.param('harborclub.example. IN CAA 0 issue "other.example"', "tls.issuance", hosts, id="another authority"),
    pytest.param("; remove: www.harborclub.example. A", "domain.resolves", names, id="no www"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _own_zone(world):
    yield
    world.change_records("")


async def seen(survey, world):
    async with opened(world) as client:
        return await survey(client)


def zone_lines(files):
    return "".join(text for name, text in files.items() if name.endswith(".zone"))


@pytest.mark.parametrize(("check", "survey"), FAULTS)
async def test_the_printed_lines_turn_a_fault_green(check, survey, world):
    world.only(check)
    failures, files = await seen(survey, world)
    assert check in failures
    world.change_records(zone_lines(files))
    failures, files = await seen(survey, world)
    assert (failures, files) == ({}, {})


@pytest.mark.parametrize(("lines", "check", "survey"), BROKEN)
async def test_the_printed_lines_mend_a_zone_that_somebody_broke(lines, check, survey, world):
    world.change_records(lines)
    failures, files = await seen(survey, world)
    assert check in failures
    world.change_records(zone_lines(files))
    failures, files = await seen(survey, world)
    assert (failures, files) == ({}, {})


async def test_other_text_records_of_the_name_stay(world):
    world.change_records(
        'harborclub.example. IN TXT "site-verification=abc; d"\nharborclub.example. IN TXT "v=spf1 ?all"'
    )
    _, files = await seen(mailing, world)
    assert '"site-verification=abc; d"' in zone_lines(files)


async def test_a_key_is_not_invented_but_its_place_is_named(world):
    world.only("mail.dkim")
    _, files = await seen(mailing, world)
    text = files["dns/harborclub.example/mail.zone"]
    assert "; to do: s1._domainkey.harborclub.example" in text
    assert "copy the whole record that postlane shows" in text
    assert [line for line in text.splitlines() if not line.startswith(";")] == []
