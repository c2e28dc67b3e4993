"""The networks of the edges are read anew from their owners' lists, and a list that looks wrong changes nothing."""

import datetime as dt
import json
import shutil
from contextlib import asynccontextmanager, suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.command import cli
from launchready_lib.command import update_data as updating
from launchready_lib.command.update_data import NoListError, networks
from tests.certificates import DAY, context, issue
from tests.web_servers import Reply, pages, serving

pytestmark = pytest.mark.anyio

DAY_READ = dt.date(2027, 1, 2)
HOSTS = ("www.cloudflare.com", "api.fastly.com", "ip-ranges.amazonaws.com")
FASTLY = {"addresses": ["151.101.0.0/16"], "ipv6_addresses": ["2a04:4e40::/32"]}
AMAZON = {
    "prefixes": [
        {"ip_prefix": "13.32.0.0/15", "service": "CLOUDFRONT"},
        {"ip_prefix": "3.4.12.4/32", "service": "AMAZON"},
    ],
    "ipv6_prefixes": [{"ipv6_prefix": "2600:9000::/28", "service": "CLOUDFRONT"}],
}
LISTS = {
    "/ips-v4": "173.245.48.0/20\n104.16.0.0/13\n",
    "/ips-v6": "2400:cb00::/32",
    "/public-ip-list": json.dumps(FASTLY),
    "/ip-ranges.json": json.dumps(AMAZON),
}


@asynccontextmanager
async def published(folder, **other):
    """The owners' servers, under a CA of their own, and a copy of the table."""
    root = issue("Test Root", ca=True, lifetime=3650 * DAY)
    (folder / "ca.pem").write_bytes(root.pem)
    served = context(folder, issue(HOSTS[0], root, names=HOSTS))
    routes = {path: Reply(text, kind="text/plain") for path, text in (LISTS | other).items()}
    table = folder / "edges.yaml"
    shutil.copy(updating.EDGES, table)
    async with serving(pages(routes), context=served) as site:
        yield (
            table,
            {
                "connect_to": {f"{host}:443": f"127.0.0.1:{site.port}" for host in HOSTS},
                "ca_file": folder / "ca.pem",
                "today": DAY_READ,
            },
        )


async def test_every_list_is_read_and_nothing_else_of_the_table_changes(tmp_path):
    before = yaml.safe_load(updating.EDGES.read_text())
    async with published(tmp_path) as (table, options):
        done = await updating.refresh(table, **options)
    assert [(one.edge, one.after, one.problem) for one in done] == [
        ("cloudflare", 3, None), ("fastly", 2, None), ("cloudfront", 2, None),
    ]  # fmt: skip
    after = yaml.safe_load(table.read_text())
    assert after["cloudfront"]["networks"] == ["13.32.0.0/15", "2600:9000::/28"]
    for name, entry in before.items():
        changed = {key for key in entry if entry[key] != after[name][key]}
        assert changed <= ({"date", "networks"} if "lists" in entry else set())
        assert not changed or after[name]["date"] == DAY_READ
    comments = [line for line in updating.EDGES.read_text().splitlines() if line.startswith("#")]
    assert [line for line in table.read_text().splitlines() if line.startswith("#")] == comments


WRONG = {
    "a page": "<html><body>Blocked</body></html>",
    "nothing": "",
    "broken JSON": '{"addresses": [',
    "another form": '["173.245.48.0/20"]',
    "a private network": "10.0.0.0/8",
    "the whole internet": "0.0.0.0/0",
    "half of it": "128.0.0.0/1",
    "too many": "\n".join(f"104.{n // 250}.{n % 250}.0/24" for n in range(1_001)),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_list_that_looks_wrong_changes_nothing_of_its_edge(name, tmp_path):
    before = yaml.safe_load(updating.EDGES.read_text())
    async with published(tmp_path, **{"/ips-v6": WRONG[name]}) as (table, options):
        done = await updating.refresh(table, **options)
    assert done[0].problem
    assert "kept as it was" in done[0].line()
    assert "cloudflare.com/ips-v6" in done[0].line()
    after = yaml.safe_load(table.read_text())
    assert after["cloudflare"] == before["cloudflare"]
    assert after["fastly"]["networks"] == ["151.101.0.0/16", "2a04:4e40::/32"]


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path):
    async with published(tmp_path) as (table, options):
        done = await updating.refresh(table, **options | {"ca_file": None})
        assert table.read_bytes() == updating.EDGES.read_bytes()
    assert all("not trusted" in one.problem for one in done)


def test_the_command_says_what_was_read_and_fails_where_something_was_not(monkeypatch, capsys):
    done = [updating.Refreshed("cloudflare", 22, 23), updating.Refreshed("fastly", 19, 19, "no answer")]
    monkeypatch.setattr(updating, "run", lambda: done)
    assert cli.main(["update-data"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "cloudflare: 23 networks (before: 22)",
        "fastly: kept as it was, 19 networks (no answer)",
    ]
    monkeypatch.setattr(updating, "run", lambda: done[:1])
    assert cli.main(["update-data"]) == 0


@given(st.text(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_any_text_is_a_list_or_refused(text):
    with suppress(NoListError):
        assert networks(text)
