"""Secrets stay names until used, and never show."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.parameters import MissingVariable, ParametersError, Secret, environment, load
from launchready_lib.parameters.secret import parse_env

CANARY = "c4n4ry-Sup3rSecret"


def content(**more):
    return {"name": "Acme", "domain": "acme.example", "release": "1.0", **more}


def account(password):
    return content(accounts={"member": {"email": "a@b.example", "password": password}})


@pytest.mark.parametrize(
    ("given_url", "accepted"),
    [
        ("${URL}", True),
        ("postgresql://audit:${PW}@db.example/app", True),
        ("postgresql://${USER}:${PW}@db.example/app?sslmode=require", True),
        ("sqlite:///data/app.db", True),
        ("postgresql://audit:c4n4ry-Sup3rSecret@db.example/${DB}", False),
        ("postgresql://audit@db.example/${DB}?password=c4n4ry-Sup3rSecret", False),
        ("https://api.example/${ID}?api_key=c4n4ry-Sup3rSecret", False),
        ("https://api.example/?api_key=${KEY}", True),
        ("postgresql://audit:c4n4ry-Sup3rSecret@db.example/app", False),
        ("c4n4ry-Sup3rSecret", False),
        ("Bearer ${TOKEN}", False),
        ("${TOKEN} ", True),
        ("${1BAD}", False),
        ("$TOKEN", False),
        ("", False),
        (12345, False),
        (True, False),
    ],
)
def test_a_secret_is_a_name_alone_or_inside_a_url(given_url, accepted):
    if accepted:
        assert load(content(database={"url": given_url})).database.url.template == str(given_url).strip()
        return
    with pytest.raises(ParametersError) as caught:
        load(content(database={"url": given_url}))
    assert CANARY not in str(caught.value) + repr(caught.value)
    assert caught.value.problems[0].path == "client.database.url"


@pytest.mark.parametrize(
    "line",
    [
        "accounts: {member: {email: a@b.example, password: c4n4ry-Sup3rSecret}}",
        "accounts: {member: {email: a@b.example, password: *c4n4ry-Sup3rSecret}}",
        "accounts: {member: {email: a@b.example, password: !c4n4ry-Sup3rSecret x}}",
        "accounts: {member: {email: a@b.example, password: !c4n4ry-Sup3rSecret!x y}}",
        "accounts: {member: {email: a@b.example, password: @c4n4ry-Sup3rSecret}}",
        'accounts: {member: {email: a@b.example, password: "c4n4ry-Sup3rSecret}}',
        "accounts: {member: {email: a@b.example, pass: c4n4ry-Sup3rSecret, password: '${A}'}}",
        "network: {timeout_s: c4n4ry-Sup3rSecret}",
        "hosting: {edge: c4n4ry-Sup3rSecret}",
        "site: {canonical: 'https://u:c4n4ry-Sup3rSecret@acme.example'}",
        "network: {headers: {X-Audit: c4n4ry-Sup3rSecret}}",
        "accounts: c4n4ry-Sup3rSecret",
    ],
)
def test_no_error_repeats_a_value(tmp_path, line):
    path = tmp_path / "acme.yaml"
    path.write_text(f'client:\n  name: Acme\n  domain: acme.example\n  release: "1"\n  {line}\n')
    with pytest.raises(ParametersError) as caught:
        load(path)
    shown = str(caught.value) + repr(caught.value) + repr(caught.value.__context__) + repr(caught.value.__cause__)
    assert CANARY not in shown
    assert all(problem.line for problem in caught.value.problems)


def test_a_field_that_is_no_secret_takes_no_variable():
    with pytest.raises(ParametersError, match=r"client\.hosting\.provider: this field takes no \$\{NAME\} variable"):
        load(content(hosting={"provider": "${HOST}"}))


def test_a_secret_reads_its_variable_only_when_asked():
    secret = load(account("${PW}")).accounts.member.password
    assert secret.names == ("PW",)
    assert secret.reveal({"PW": CANARY}) == CANARY
    assert str(secret) == "${PW}"
    assert repr(secret) == "Secret('${PW}')"
    with pytest.raises(MissingVariable) as caught:
        secret.reveal({"PW": ""})
    assert caught.value.name == "PW"


def test_a_value_with_reserved_characters_keeps_a_url_whole():
    secret = Secret("postgresql://audit:${PW}@db.example/${DB}")
    assert secret.reveal({"PW": "p@ss/w:rd", "DB": "app"}) == "postgresql://audit:p%40ss%2Fw%3Ard@db.example/app"


def test_the_process_wins_over_the_env_file(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(
        "A=file\nB=file # comment\nexport C='x # y'\nD=\"a\\nb\"\n# E=no\nF = spaced \nG=a=b\n"
    )
    monkeypatch.setenv("A", "process")
    env = environment(tmp_path)
    assert [env[name] for name in "ABCDFG"] == ["process", "file", "x # y", "a\nb", "spaced", "a=b"]
    assert "E" not in env


def test_no_env_file_is_no_error_and_other_encodings_add_nothing(tmp_path):
    assert environment(tmp_path).get("LAUNCHREADY_TEST_NOTHING") is None
    (tmp_path / ".env").write_bytes(b"LAUNCHREADY_TEST_LATIN=caf\xe9\nLAUNCHREADY_TEST_OK=1\n")
    env = environment(tmp_path)
    assert "LAUNCHREADY_TEST_LATIN" not in env
    assert env["LAUNCHREADY_TEST_OK"] == "1"


@given(st.text(max_size=200))
def test_any_text_is_an_env_file(text):
    assert all(isinstance(value, str) for value in parse_env(text).values())


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="'\r\n\0"), max_size=40))
def test_single_quotes_keep_a_value_as_it_is(value):
    assert parse_env(f"A='{value}'\n") == {"A": value}


def test_secrets_do_not_show_in_the_parameters_themselves():
    parameters = load(account("${PW}"))
    assert base64.b64encode(CANARY.encode()).decode() not in repr(parameters)
    assert "${PW}" in repr(parameters)
