"""What a credential looks like, what only looks like one, and that no value is ever shown."""

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.sources.credentials import GRAMMARS, Standing, find, fingerprint, gathered, masked, scan, values
from launchready_lib.sources.credentials.grammars import jwt_standing
from launchready_lib.sources.credentials.structured import reader_for
from tests.checkouts import HEX, noise

UPPER = string.ascii_uppercase + "234567"
LOWER = string.ascii_lowercase + string.digits


def jwt(claims, signature=43):
    def part(body):
        return base64.urlsafe_b64encode(json.dumps(body).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{noise(signature)}"


ISSUED = {
    "stripe-secret": "sk_live_" + noise(99),
    "stripe-test": "sk_test_" + noise(99),
    "stripe-publishable": "pk_live_" + noise(99),
    "stripe-webhook": "whsec_" + noise(32),
    "aws-access-key": "AKIA" + noise(16, UPPER),
    "github-token": "ghp_" + noise(36),
    "gitlab-token": "glpat-" + noise(20),
    "slack-token": "xoxb-" + noise(12, string.digits) + "-" + noise(24),
    "slack-webhook": "https://hooks.slack.com/services/T"
    + noise(10, UPPER)
    + "/B"
    + noise(10, UPPER)
    + "/"
    + noise(24),
    "discord-webhook": "https://discord.com/api/webhooks/" + noise(18, string.digits) + "/" + noise(68),
    "discord-bot": "discord = M" + noise(23) + "." + noise(6) + "." + noise(38),
    "sendgrid-key": "SG." + noise(22) + "." + noise(43),
    "mailgun-key": "key-" + noise(32, HEX),
    "resend-key": "re_" + noise(8) + "_" + noise(24),
    "twilio-key": "SK" + noise(32, HEX),
    "supabase-secret": "sb_secret_" + noise(31),
    "supabase-publishable": "sb_publishable_" + noise(31),
    "supabase-token": "sbp_" + noise(40, HEX),
    "openai-key": "sk-proj-" + noise(120),
    "anthropic-key": "sk-ant-api03-" + noise(93),
    "google-key": "AIza" + noise(35),
    "google-oauth": "GOCSPX-" + noise(28),
    "paddle-key": "pdl_live_apikey_" + noise(26, LOWER) + "_" + noise(22) + "_" + noise(3),
    "paddle-test": "pdl_sdbx_apikey_" + noise(26, LOWER) + "_" + noise(22) + "_" + noise(3),
    "paddle-webhook": "pdl_ntfset_" + noise(26, LOWER) + "_" + noise(32),
    "mapbox-secret": "sk.eyJ" + noise(60) + "." + noise(22),
    "mapbox-public": "pk.eyJ" + noise(60) + "." + noise(22),
    "npm-token": "npm_" + noise(36),
    "pypi-token": "pypi-AgEIcHlwaS5vcmc" + noise(120),
    "shopify-token": "shpat_" + noise(32, HEX),
    "digitalocean-token": "dop_v1_" + noise(64, HEX),
    "fly-token": "FlyV1 fm2_" + noise(200),
    "heroku-key": "HRKU-" + noise(60),
    "netlify-token": "nfp_" + noise(36),
    "linear-key": "lin_api_" + noise(40),
    "notion-token": "ntn_" + noise(46),
    "telegram-bot": noise(10, "123456789") + ":AA" + noise(33),
    "azure-storage": "DefaultEndpointsProtocol=https;AccountKey=" + noise(86) + "==",
    "vault-token": "hvs." + noise(95),
    "sentry-token": "sntrys_" + noise(120),
    "sentry-dsn": f"https://{noise(32, HEX)}@o450.ingest.sentry.io/450",
    "private-key": "-----BEGIN RSA PRIVATE KEY-----\n" + noise(640) + "\n-----END RSA PRIVATE KEY-----",
    "database-url": "postgresql://app:" + noise(20) + "@db.acme.example:5432/app",
    "basic-auth-url": "https://deploy:" + noise(20) + "@registry.acme.example/",
    "jwt": jwt({"role": "service_role", "iss": "supabase", "exp": 4102444800}),
}


def test_every_grammar_has_an_issued_value_here():
    assert {grammar.id for grammar in GRAMMARS} == set(ISSUED)


@pytest.mark.parametrize(("grammar", "issued"), ISSUED.items(), ids=ISSUED)
def test_a_value_of_the_providers_grammar_is_found_wherever_it_stands(grammar, issued):
    for text in (issued, f"KEY={issued}\n", f'const key = "{issued}";\n', f"a\nb\n  key: '{issued}'\n"):
        assert grammar in {match.grammar.id for match in find(text)}


@pytest.mark.parametrize("issued", ISSUED.values(), ids=ISSUED)
def test_a_mask_shows_less_than_a_third_and_no_tail(issued):
    for match in find(issued):
        assert match.value[-8:] not in masked(match.value)
        assert len(masked(match.value).partition("…")[0]) <= max(14, len(match.value) // 3)


@pytest.mark.parametrize(
    ("claims", "standing"),
    [
        ({"role": "anon", "exp": 4102444800}, Standing.PUBLIC),
        ({"role": "service_role", "exp": 4102444800}, Standing.SECRET),
        ({"sub": "u1"}, Standing.SECRET),
        ({"sub": "u1", "exp": 1000}, Standing.EXPIRED),
        ({"sub": "1234567890", "name": "John Doe", "iat": 1516239022}, Standing.DOCUMENTED),
        ([1], Standing.PLACEHOLDER),
    ],
)
def test_a_token_is_what_its_claims_say(claims, standing):
    assert jwt_standing(jwt(claims)) is standing


@pytest.mark.parametrize(
    "value",
    [
        "",
        "changeme",
        "change-me-please",
        "your_api_key",
        "<secret>",
        "${DB_PASSWORD}",
        "{{ password }}",
        "xxxxxxxx",
        "********",
        "sk_live_xxxxxxxxxxxxxxxxxxxx",
        "password",
        "postgres",
        "test1234",
        "EXAMPLEKEY",
        "insert-key-here",
        "TODO",
        "12345678",
        "aaaaaaaa",
        "sk_test_...",
        "$(cat key)",
        "__SECRET__",
        "%DB_PASS%",
        "AKIAIOSFODNN7EXAMPLE",
        "replace_with_real_key",
        "dev-secret-key",
    ],
)
def test_placeholders_and_well_known_defaults_are_told_apart(value):
    assert values.is_placeholder(value)


@pytest.mark.parametrize("issued", [v for k, v in ISSUED.items() if k not in ("azure-storage", "sentry-dsn")])
def test_no_issued_value_passes_for_a_placeholder(issued):
    assert not values.is_placeholder(next(iter(find(issued))).value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("STRIPE_SECRET_KEY", True),
        ("dbPassword", True),
        ("spring.datasource.password", True),
        ("AUTH_TOKEN", True),
        ("API_KEY", True),
        ("POSTGRES_PASSWORD", True),
        ("SECRET_KEY_BASE", True),
        ("db-pass", True),
        ("JWT_SECRET", True),
        ("AUTH_SALT", True),
        ("NEXT_PUBLIC_STRIPE_KEY", False),
        ("PASSWORD_MIN_LENGTH", False),
        ("TOKEN_TTL", False),
        ("PRIMARY_KEY", False),
        ("AWS_ACCESS_KEY_ID", False),
        ("PASSWORD_RESET_URL", False),
        ("monkey", False),
        ("KEYBOARD", False),
        ("SUPABASE_ANON_KEY", False),
        ("STRIPE_PUBLISHABLE_KEY", False),
        ("CACHE_KEY", False),
        ("NAME", False),
    ],
)
def test_a_settings_name_tells_whether_it_holds_a_secret(name, expected):
    assert values.is_secret_name(name) is expected


PASSWORD = "t7Kq-" + noise(9)
LONG = noise(40)

STRUCTURED = {
    ".env": f"DB_PASSWORD={PASSWORD}\n",
    "config/.env.production": f'export SESSION_SECRET="{LONG}" # note\n',
    "app/settings.py": f"SECRET_KEY = 'django-insecure-{LONG}'\n",
    "settings/production.py": f'DATABASES = {{"default": {{"USER": "app", "PASSWORD": "{PASSWORD}"}}}}\n',
    "wp-config.php": f"define( 'DB_PASSWORD', '{PASSWORD}' );\n",
    "wordpress/wp-config.php": f"define('AUTH_KEY', '{LONG}');\n",
    ".netrc": f"machine api.acme.example login deploy password {PASSWORD}\n",
    ".pgpass": f"db.acme.example:5432:app:app:{PASSWORD}\n",
    ".npmrc": f"//registry.acme.example/:_authToken={LONG}\n",
    "config/master.key": noise(32, HEX) + "\n",
    "config/credentials/production.key": noise(32, HEX),
    "config/database.yml": f"production:\n  password: {PASSWORD}\n",
    "docker-compose.yml": f"services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD={PASSWORD}\n",
    "compose.prod.yaml": f'services:\n  db:\n    environment:\n      POSTGRES_PASSWORD: "{PASSWORD}"\n',
    ".git-credentials": f"https://deploy:{PASSWORD}@git.acme.example\n",
    ".docker/config.json": json.dumps({"auths": {"r": {"auth": base64.b64encode(f"u:{PASSWORD}".encode()).decode()}}}),
    "k8s/secret.yaml": f"kind: Secret\ndata:\n  password: {base64.b64encode(PASSWORD.encode()).decode()}\n",
    "terraform.tfvars": f'db_password = "{PASSWORD}"\n',
    "terraform.tfstate": f'{{"attributes": {{"password": "{PASSWORD}"}}}}',
    "src/main/resources/application.properties": f"spring.datasource.password={PASSWORD}\n",
    "appsettings.json": f'{{"ConnectionStrings": {{"Db": "Server=db;User Id=app;Password={PASSWORD};"}}}}',
    "web.config": f'<add key="ApiToken" value="{LONG}" />\n',
    "config/secrets.yml": f"production:\n  secret_key_base: {LONG}\n",
    ".pypirc": f"[pypi]\npassword = {LONG}\n",
    ".aws/credentials": f"aws_secret_access_key = {LONG}\n",
    "src/config.ts": f"export const config = {{ apiKey: '{LONG}' }};\n",
    "config/app.php": f"'key' => 'base64:{LONG}', 'api_token' => '{LONG}',\n",
    "server.env": f"TWILIO_AUTH_TOKEN={noise(32, HEX)}\n",
}


@pytest.mark.parametrize(("path", "text"), STRUCTURED.items(), ids=STRUCTURED)
def test_structured_files_give_their_secrets_by_name(path, text):
    found = [hit for hit in scan(path, text) if hit.standing is Standing.SECRET]
    assert found, path
    assert all(hit.line >= 1 for hit in found)


HARMLESS = {
    ".env": "DB_PASSWORD=${DB_PASSWORD}\nSECRET_KEY=\nAPI_KEY=changeme\nDEBUG=true\nPORT=3000\nTOKEN_TTL=3600\n",
    "docker-compose.yml": "services:\n  db:\n    environment:\n"
    "      POSTGRES_PASSWORD: postgres\n      - SECRET_KEY=${SECRET_KEY:-dev}\n",
    "app/settings.py": "SECRET_KEY = os.environ['SECRET_KEY']\n"
    "PASSWORD_HASHERS = ['django.contrib.auth.hashers.Argon2PasswordHasher']\n",
    "config/database.yml": "production:\n  password: <%= ENV['DB_PASSWORD'] %>\n",
    "src/config.ts": "export const apiKey = process.env.API_KEY; "
    "const passwordField = 'current-password'; tokenType: 'Bearer'\n",
    "locales/de.json": '{"password": "Ihr Kennwort2024!", "token": "Zeichenkette-mit-Zahlen-12"}',
    "config/locales/en.yml": "password: Forgot1YourPassword\n",
    "package-lock.json": f'"integrity": "sha512-{LONG}{LONG}=="',
    "node_modules/x/config.js": f'apiKey: "{LONG}"',
    ".pgpass": "# host:port:db:user:password\n*:*:*:*:${PGPASSWORD}\n",
    "values.yaml": "image:\n  tag: 1.2.3\nexistingSecret: app-secret\npasswordSecretKey: database-password\n",
    "config.js": f"const publishableKey = '{ISSUED['stripe-publishable']}'; const maps = '{ISSUED['google-key']}';",
    ".npmrc": "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n",
    "app.py": f"url = 'postgresql://app:{PASSWORD}@localhost:5432/app'\n",
}


@pytest.mark.parametrize(("path", "text"), HARMLESS.items(), ids=HARMLESS)
def test_what_is_no_secret_never_stands_as_one(path, text):
    assert [hit for hit in scan(path, text) if hit.standing is Standing.SECRET] == []


@pytest.mark.parametrize(
    ("path", "name", "standing"),
    [
        ("src/pay.py", "stripe-secret", Standing.SECRET),
        ("tests/test_pay.py", "stripe-secret", Standing.FIXTURE),
        ("src/__tests__/pay.ts", "github-token", Standing.FIXTURE),
        (".env.example", "stripe-secret", Standing.SECRET),
        (".env.example", "database-url", Standing.EXAMPLE),
        ("README.md", "database-url", Standing.EXAMPLE),
        ("src/pay.py", "stripe-test", Standing.TEST),
        ("src/map.ts", "google-key", Standing.PUBLIC),
        ("public/app.min.js", "stripe-secret", Standing.SECRET),
    ],
)
def test_where_a_value_stands_decides_what_it_is(path, name, standing):
    assert {hit.standing for hit in scan(path, f"key = '{ISSUED[name]}'\n")} == {standing}


def test_one_value_is_one_row_and_its_worst_place_counts():
    text = f"key = '{ISSUED['stripe-secret']}'\n"
    hits = [*scan("tests/a.py", text), *scan("src/b.py", "\n" + text), *scan("src/c.py", text)]
    (credential,) = gathered(hits, {})
    assert credential.standing is Standing.SECRET
    assert credential.count == 3
    assert credential.places == ("tests/a.py:1", "src/b.py:2", "src/c.py:1")
    assert ISSUED["stripe-secret"][8:] not in json.dumps(credential.row())


def test_a_known_fingerprint_is_what_the_parameters_say():
    hits = list(scan("src/b.py", f"key = '{ISSUED['stripe-secret']}'\n"))
    mark = fingerprint(ISSUED["stripe-secret"])
    assert gathered(hits, {mark: Standing.ROTATED})[0].standing is Standing.ROTATED
    assert gathered(hits, {"00000000": Standing.ROTATED})[0].standing is Standing.SECRET


@given(st.text(max_size=400))
def test_any_text_can_be_scanned(text):
    for path in (
        "a.py",
        ".env",
        ".netrc",
        ".pgpass",
        "docker/config.json",
        "wp-config.php",
        "k8s/a.yaml",
        "web.config",
        "config.json",
    ):
        list(scan(path, text))


def test_hostile_texts_are_scanned_in_bounded_time():
    """Repetition that makes naive patterns backtrack ends within the test's time limit."""
    for text in (
        "eyJ" * 60_000,
        "a://" * 60_000,
        "password='" * 30_000,
        '\\"' * 90_000,
        "a" * 300_000,
        "x: " * 90_000,
        "https://a:" * 30_000,
    ):
        for path in (".env", "config.json", "a.yaml", "web.config", "settings.py", "values.yaml"):
            list(scan(path, text))


def test_files_that_hold_no_settings_have_no_reader():
    assert reader_for("src/app.py") is None
    assert reader_for("locales/config.json") is None
