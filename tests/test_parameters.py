"""The contract of a client's parameters file."""

import datetime as dt
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from launchready_lib.parameters import Parameters, ParametersError, Secret, errors, load, starter

SHIPPED = sorted((Path(__file__).parent.parent / "parameters").glob("*.yaml"))
MINIMAL = 'client:\n  name: Acme\n  domain: acme.example\n  release: "1.0"\n'


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in itertools.pairwise("abcdefghi")
)


@pytest.fixture
def file(tmp_path):
    def write(text, name="acme.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def problems(source):
    with pytest.raises(ParametersError) as caught:
        load(source)
    return caught.value.problems


def only(source):
    found = problems(source)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_is_valid(path):
    assert load(path).name


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_file_and_mapping_give_the_same_parameters(path):
    mapping = yaml.safe_load(path.read_text())
    as_papermill = json.loads(json.dumps(mapping, default=str))
    assert load(path) == load(as_papermill) == load(as_papermill["client"])


def test_example_fills_every_section_and_key():
    """The example is the reference: no key of the model is missing from it, but for alternatives of one another."""
    text = next(path for path in SHIPPED if path.name == "example.yaml").read_text()

    def keys(section):
        for key, name in section.known().items():
            yield key
            for found in _sections(section.model_fields[name].annotation):
                yield from keys(found)

    absent = {key for key in keys(Parameters) if not re.search(rf"\b{key}\b", text)}
    assert absent == set()


def _sections(annotation):
    found = errors._section_in(annotation)
    return [found] if found else []


def test_only_name_domain_and_release_are_required(file):
    parameters = load(file(MINIMAL))
    assert parameters.slug == "acme"
    assert parameters.authorization is None
    assert parameters.webhooks.billing is None
    assert parameters.site.pages == {}
    assert parameters.network.timeout_s == 10
    assert [p.path for p in problems(file("client: {}\n"))] == ["client.name", "client.domain", "client.release"]


def test_all_problems_come_at_once_in_the_order_of_the_file(file):
    found = problems(
        file(
            MINIMAL
            + "  network:\n    timeout: 10\n    requests_per_second: fast\n"
            + "  hosting: {edge: cloudflair}\n  colour: blue\n"
        )
    )
    assert [str(problem).split("acme.yaml:")[1] for problem in found] == [
        "6: client.network.timeout: unknown key; did you mean timeout_s?",
        "7: client.network.requests_per_second: expected a number, in plain digits without quotes; got text",
        (
            "8: client.hosting.edge: expected one of cloudflare, fastly, vercel, netlify, cloudfront, bunny, none; "
            "did you mean cloudflare?"
        ),
        "9: client.colour: unknown key",
    ]


def test_errors_of_a_mapping_name_the_key_only():
    problem = only({"name": "Acme", "domain": "acme.example", "release": "1", "network": {"timeout": 3}})
    assert str(problem) == "client.network.timeout: unknown key; did you mean timeout_s?"


def test_a_key_in_the_wrong_section_is_told_where_it_belongs(file):
    assert "belongs under client.network" in str(only(file(MINIMAL + "  site: {connect_to: {}}\n")))


@pytest.mark.parametrize(
    ("line", "path", "says"),
    [
        ("name: no", "client.name", 'quote it ("no")'),
        ("name: on", "client.name", 'quote it ("on")'),
        ("name: y", "client.name", 'quote it ("y")'),
        ("release: 2026.10", "client.release", 'quote it ("2026.10")'),
        ("release: 1.10", "client.release", 'quote it ("1.10")'),
        ("release: 017", "client.release", 'quote it ("017")'),
        ("release: 12:30", "client.release", 'quote it ("12:30")'),
        ("release: 2026-11-20", "client.release", 'quote it ("2026-11-20")'),
        ("release: 1e3", "client.release", 'quote it ("1e3")'),
        ("release: 1_000", "client.release", 'quote it ("1_000")'),
        ("limits: {stage_minutes: 017}", "client.limits.stage_minutes", "plain digits"),
        ("limits: {stage_minutes: 1:30}", "client.limits.stage_minutes", "plain digits"),
        ("limits: {stage_minutes: .inf}", "client.limits.stage_minutes", "from 0.1 to"),
        ("limits: {stage_minutes: true}", "client.limits.stage_minutes", "got true or false"),
        ("access: {hosting: {two_factor: no}}", "client.access.hosting.two_factor", "write true or false"),
        ('access: {hosting: {two_factor: "true"}}', "client.access.hosting.two_factor", "without quotes"),
        ("business: {launch_on: 2026-02-30}", "client.business.launch_on", "expected a date"),
        ("business: {launch_on: 2026-02-03 10:00:00}", "client.business.launch_on", "expected a date"),
        ("site: {pages: {on: /x}}", "client.site.pages", 'the key on is not text'),
        ("site: {pages: {2026-01-01: /x}}", "client.site.pages", "quote it"),
        ("site: {pages: [/]}", "client.site.pages", "got a list"),
        ("site: {pages: {home: }}", "client.site.pages.home", "got nothing"),
        ("site: yes please", "client.site", "expected a section"),
        ("logs: app.log", "client.logs", "expected a list"),
        ("name: !!python/name:os.system x", "client.name", "YAML tags"),
        ("name: [&a [], *a]", "client.name", "got a list"),
    ],
)  # fmt: skip
def test_yaml_traps_are_told_with_their_line(file, line, path, says):
    key = line.split(":", 1)[0]
    kept = "".join(f"{row}\n" for row in MINIMAL.splitlines() if not row.strip().startswith(f"{key}:"))
    problem = only(file(f"{kept}  {line}\n"))
    assert problem.path == path
    assert says in problem.message
    assert problem.line == len(kept.splitlines()) + 1


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("client:\n  name: a\n  name: b\n", 3, "twice, first on line 2"),
        ("client:\n\tname: a\n", 2, "tab"),
        ("client:\n  name:\ta\n", 2, "tab"),
        (b"client:\n  name: caf\xe9\n", 2, "UTF-8"),
        ("client:\n  name: a\x07\n", 2, "U+0007"),
        ("client: {}\n---\nclient: {}\n", 2, "second document"),
        ("client:\n  name: @acme\n", 2, "must be quoted"),
        ("client:\n  name: a: b\n", 2, "second colon"),
        ('client:\n  name: "\\U00110000"\n', None, "out of range"),
        ("client: [\n", 2, "bracket"),
        ("name: Acme\ndomain: acme.example\n", None, "put these keys below it"),
        ("clients: {}\n", 1, "one top-level key"),
        ("- client\n", None, "one top-level key"),
        ("", None, "empty"),
        ("# nothing\n", None, "empty"),
        ("client: " + "[" * 100, 1, "deeper than 40"),
        (BOMB, None, "20000 values"),
        ("client: {name: " + "a" * 300_000 + "}", None, "KiB"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str | bytes) else "",
)  # fmt: skip
def test_what_is_not_readable_yaml_is_told_with_its_line(file, text, line, says):
    found = problems(file(text))
    told = next(problem for problem in found if says in problem.message)
    assert line is None or told.line == line


def test_unknown_top_level_keys_are_errors(file):
    assert "only one at the top" in str(only(file(MINIMAL + "server: x\n")))


def test_missing_and_unreadable_files_are_parameter_errors(tmp_path):
    assert "cannot be read" in str(only(tmp_path / "none.yaml"))
    assert "is not a file" in str(only(tmp_path))
    assert "cannot be read" in str(only("a\0b"))


def test_a_relative_file_is_found_from_the_root_too(file, tmp_path):
    file(MINIMAL)
    assert load("acme.yaml", root=tmp_path).name == "Acme"


def test_merge_keys_and_aliases_mean_what_papermill_makes_of_them(file):
    path = file(
        MINIMAL
        + "  access:\n    registrar: &who {provider: A, owner: founder}\n    hosting: {<<: *who, provider: B}\n"
        + "    monitoring: *who\n"
    )
    access = load(path).access
    assert (access.hosting.provider, access.hosting.owner, access.monitoring.provider) == ("B", "founder", "A")
    assert load(path) == load(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("content", "path", "says"),
    [
        ({"release": 2026.1}, "client.release", "quote it in the file"),
        ({"name": False}, "client.name", "quote it in the file"),
        ({"release": 750}, "client.release", "quote it in the file"),
        ({"site": {"pages": {True: "/"}}}, "client.site.pages", "quote it in the file"),
        ({"site": {"pages": {1.5: "/"}}}, "client.site.pages", "quote it in the file"),
        ({"site": {"pages": {None: "/"}}}, "client.site.pages", "read as nothing"),
        ({"name": b"Acme"}, "client.name", "got a bytes"),
        ({"release": dt.date(2026, 1, 1)}, "client.release", "quote it in the file"),
        ({"site": {"pages": {1: "/", "1": "/x"}}}, "client.site.pages.1", "twice"),
    ],
)
def test_a_mapping_is_held_to_the_same_rules(content, path, says):
    problem = only({"name": "Acme", "domain": "acme.example", "release": "1.0"} | content)
    assert says in problem.message
    assert problem.path in (path, path.replace(".1", '["1"]'))


def test_whole_numbers_as_keys_are_text_again():
    content = {"name": "Acme", "domain": "acme.example", "release": "1.0", "site": {"pages": {404: "/x"}}}
    assert load(content).site.pages == {"404": "/x"}


def test_a_mapping_that_contains_itself_ends():
    content = {"name": "Acme"}
    content["site"] = content
    assert "deeper" in str(only(content))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("slug: Acme", "may hold a-z"),
        ("release: ../x", "may hold a-z"),
        ("domain: https://acme.example", "host name"),
        ("domain: acme", "expected a domain"),
        ("domain: 203.0.113.1", "host name"),
        ("name: Клуб", "may hold a-z"),
        ("authorization: {granted_by: a, granted_on: 2999-01-01, hosts: [a.example]}", "future"),
        ("authorization: {granted_by: a, granted_on: 2026-01-01, hosts: []}", "at least one"),
        ('authorization: {granted_by: a, granted_on: 2026-01-01, hosts: ["*"]}', "pattern"),
        ('authorization: {granted_by: a, granted_on: 2026-01-01, hosts: ["*.example"]}', "domain"),
        ('authorization: {granted_by: a, granted_on: 2026-01-01, hosts: ["0.0.0.0/0"]}', "too wide"),
        ('authorization: {granted_by: a, granted_on: 2026-01-01, hosts: ["203.0.113.1/24"]}', "host bits"),
        ("authorization: {granted_by: a, granted_on: 2026-01-01, hosts: [a.example], allow: [logins]}", "one of login"),
        ("network: {connect_to: {acme.example: 127.0.0.1:1}}", "host:port"),
        ('network: {connect_to: {"acme.example:443": "127.0.0.1:99999"}}', "65535"),
        ('network: {nameservers: ["a b"]}', "host name"),
        ('network: {headers: {"X Audit": "${A}"}}', "header's name"),
        ("site: {canonical: https://acme.example/app}", "without a path"),
        ("site: {pages: {home: index.html}}", "starts with /"),
        ("site: {pages: {home: //evil.example/}}", "starts with /"),
        ('network: {rdap_url: "https://user:pw@rdap.example/"}', "does not belong in this URL"),
        ("mail: {inbox: {maildir: a, mailpit: http://127.0.0.1:1}}", "exactly one"),
        ("accounts: {new_email: audit@acme.example}", "{n}"),
        ("accounts: {member: {email: x, password: '${A}'}}", "e-mail address"),
        ('repository: {build: ["echo \\"a"]}', "left open"),
        ("repository: {known_secrets: [{fingerprint: xyz, verdict: rotated, reason: r}]}", "fingerprint"),
        ("repository: {known_secrets: [{fingerprint: 12345678, verdict: rotated, reason: r}]}", "quote it"),
        ('queries: {dashboard: ["("]}', "pattern"),
        ("not_applicable: {webhook: x}", "no such check"),
        ("not_applicable: {domain.resolves: x}", "does not let domain.resolves"),
        ("not_applicable: {secrets: x}", "does not let"),
        ("attestations: {alerts.reed: {answer: true, by: cto, date: 2026-11-01}}", "no such check"),
        ("attestations: {tls.certificate: {answer: true, by: cto, date: 2026-11-01}}", "vouch"),
        ("attestations: {alerts.read: {answer: true, by: cto, date: 2999-11-01}}", "future"),
        ("flows: {login: [{goto: /a, click: b}]}", "exactly one kind"),
        ("flows: {login: [{clik: b}]}", "unknown key"),
        ("flows: {login: [goto]}", "a step is one of"),
        ("flows: {login: [{goto: /}, {fill: {'#a': '{pasword}'}}]}", "nothing is known as {pasword}"),
        ("flows: {login: [{expect: {}}]}", "at least one of"),
        ("flows: {login: [{expect: {status: 99}}]}", "100 to 599"),
        ("flows: {login: [{request: {url: /x, json: {a: no}}}]}", "quote it if it is text"),
        ("flows: {login: [{request: {url: /x, json: {}, form: {a: b}}}]}", "not both"),
        ("flows: {log_in: []}", "unknown key"),
    ],
)
def test_bad_values_are_told_what_was_expected(file, line, says):
    key = line.split(":", 1)[0]
    kept = "".join(f"{row}\n" for row in MINIMAL.splitlines() if not row.strip().startswith(f"{key}:"))
    problem = only(file(f"{kept}  {line}\n"))
    assert says in problem.message
    assert problem.path.startswith(f"client.{'slug' if line.startswith('name') else key}")
    assert problem.line is not None


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("flows: {log_in: []}", "login"),
        ("flows: {login: [{clik: b}]}", "click"),
        ("flows: {login: [{fill: {a: '{pasword}'}}]}", "password"),
        ("attestations: {alerts.reed: {answer: true, by: cto, date: 2026-11-01}}", "alerts.read"),
        ("webhooks: {billing: {url: /x, provider: strip}}", "stripe"),
        ("site: {subdomains: {app: {host: app.acme.example, expects: app, expect: app}}}", "expect"),
        ("monitoring: {alerts: [{to: x, kind: slack, four: [a]}]}", "for"),
    ],
)
def test_the_nearest_valid_word_is_suggested(file, line, suggestion):
    assert only(file(f"{MINIMAL}  {line}\n")).suggestion == suggestion


def test_hosts_are_normalised(file):
    parameters = load(
        file(
            'client:\n  name: Bücher\n  domain: Bücher.example.\n  release: "1"\n'
            "  authorization:\n    granted_by: a\n    granted_on: 2026-01-01\n"
            '    hosts: ["*.Bücher.example", "2001:DB8::1", 203.0.113.0/24, localhost]\n'
            '  network: {nameservers: ["[2001:db8::53]:53", ns.example], connect_to: {"*:443": "[::1]:8443"}}\n'
            "  site: {canonical: 'https://Acme.example/'}\n"
        )
    )
    assert parameters.slug == "bucher"
    assert parameters.domain == "xn--bcher-kva.example"
    assert parameters.authorization.hosts == ["*.xn--bcher-kva.example", "2001:db8::1", "203.0.113.0/24", "localhost"]
    assert parameters.network.nameservers == ["[2001:db8::53]:53", "ns.example"]
    assert parameters.network.connect_to == {"*:443": "[::1]:8443"}
    assert parameters.site.canonical == "https://acme.example"


def test_not_applicable_covers_a_check_a_group_and_the_billing_section(file):
    lines = "  not_applicable: {flows.admin: small team, webhooks.billing: no billing, tls.issuance: later}\n"
    parameters = load(file(MINIMAL + lines))
    assert parameters.declared("flows.admin") == "small team"
    assert parameters.declared("flows.admin_guarded") is None
    assert parameters.declared("webhooks.repeated") == "no billing"
    assert parameters.declared("tls.certificate") is None


def test_words_saved_by_a_flow_are_known_to_flows(file):
    steps = "[{save: {token: $.token}}, {request: {url: '/x/{token}', headers: {X-N: '{n}'}}}]"
    parameters = load(file(MINIMAL + f"  flows: {{login: {steps}}}\n"))
    assert [step.kind for step in parameters.flows.login] == ["save", "request"]


def test_keys_without_value_count_as_not_given(file):
    parameters = load(file(MINIMAL + "  site:\n  authorization:\n  notes:\n  logs:\n"))
    assert (parameters.site.canonical, parameters.authorization, parameters.notes, parameters.logs) == (
        None,
        None,
        None,
        [],
    )


def test_importing_stays_light():
    """The command line starts with it: nothing of the notebooks' weight comes along."""
    heavy = "('pandas', 'httpx', 'numpy', 'nbformat')"
    program = f"import sys, launchready_lib.parameters; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@given(labels=st.lists(LABEL, min_size=1, max_size=4), top=st.sampled_from(["example", "co.uk", "dev"]))
@settings(deadline=None, max_examples=60)
def test_the_starter_of_any_domain_is_valid(labels, top):
    domain = ".".join([*labels, top])
    if any(label[2:4] == "--" for label in labels):
        return
    parameters = load(yaml.safe_load(starter(domain)))
    assert parameters.domain == domain


@pytest.mark.parametrize("domain", ["acme.example", "bücher.example", "no.example", "123.example", "a-b.example"])
def test_the_starter_stays_valid_with_every_section_uncommented(file, domain):
    text = re.sub(r"(?m)^  # ( *[a-z_]+:(?: |$))", r"  \1", starter(domain))
    plain, full = load(file(starter(domain))), load(file(text))
    assert plain.authorization is None
    assert full.authorization.hosts == [full.domain, f"*.{full.domain}"]
    assert full.webhooks.billing.provider == "stripe"
    assert full.access.registrar.auto_renew is True


@pytest.mark.parametrize("domain", ["", "acme", "https://acme.example", "a b.example", "x" * 300])
def test_the_starter_refuses_what_is_no_domain(domain):
    with pytest.raises(ParametersError):
        starter(domain)


KEYS = st.sampled_from(sorted(Parameters.known()))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
YAMLISH = st.recursive(
    SCALARS | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS | st.text(max_size=6) | st.integers() | st.booleans(), inner, max_size=5)
    ),
    max_leaves=20,
)


def complaint_about(source):
    """What load says; anything but ParametersError gets through and fails the test."""
    try:
        load(source)
    except ParametersError as error:
        return str(error)
    return ""


@given(content=st.dictionaries(KEYS, YAMLISH, max_size=8))
@settings(deadline=None, max_examples=300)
def test_no_mapping_raises_anything_else(content):
    assert complaint_about(content).encode() is not None


@given(text=st.text(max_size=60) | st.text(alphabet="client: \n-[]{}\"'&*!|>%@`#,?ab1.~", max_size=80))
@settings(deadline=None, max_examples=300)
def test_no_text_raises_anything_else(text, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    assert complaint_about(path).encode() is not None


@given(content=st.binary(max_size=80))
@settings(deadline=None, max_examples=150)
def test_no_bytes_raise_anything_else(content, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(b"client:\n " + content)
    assert complaint_about(path).encode() is not None


def test_variables_name_the_key_paths_that_use_them(file):
    parameters = load(
        file(
            MINIMAL
            + '  database: {url: "postgresql://audit:${PW}@${HOST}/db"}\n'
            + '  accounts: {member: {email: a@b.example, password: "${PW}"}}\n'
        )
    )
    assert parameters.variables() == {
        "PW": ["client.accounts.member.password", "client.database.url"],
        "HOST": ["client.database.url"],
    }
    assert parameters.database.url == Secret("postgresql://audit:${PW}@${HOST}/db")
