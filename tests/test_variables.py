"""Which environment variables code reads, in five languages, and whether it can do without."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launchready_lib.sources.variables import (
    Need,
    definitions_in,
    is_given_by_platform,
    parse_names,
    parse_values,
    reads_in,
    required,
)

D, A, S = {Need.DEMANDED}, {Need.ASKED}, {Need.DECLARED_OPTIONAL}
O = {Need.OPTIONAL, Need.TESTED}  # noqa: E741 - one letter a kind keeps the tables in columns

PYTHON = [
    ('x = os.environ["KEY"]', D),
    ("from os import environ\nx = environ['KEY']", D),
    ("from os import environ as e\nx = e['KEY']", D),
    ('x = os.environ.get("KEY")', A),
    ('x = os.environ.get("KEY", "d")', O),
    ('x = os.getenv("KEY")', A),
    ('x = os.getenv("KEY", None)', O),
    ('from os import getenv as g\nx = g("KEY")', A),
    ('x = os.getenv("KEY") or "d"', O),
    ('x = int(os.getenv("KEY") or 3)', O),
    ('if os.getenv("KEY"):\n    pass', O),
    ('x = os.getenv("KEY") == "1"', O),
    ('x = 1 if os.getenv("KEY") else 2', O),
    ('if "KEY" in os.environ:\n    x = os.environ["KEY"]', O),
    ('x = os.environ["KEY"] if "KEY" in os.environ else None', O),
    ('try:\n    x = os.environ["KEY"]\nexcept KeyError:\n    x = 1', O),
    ('try:\n    x = os.environ["KEY"]\nexcept KeyError:\n    raise SystemExit(1)', D),
    ('x = os.getenv("KEY")\nif not x:\n    raise RuntimeError("KEY")', D),
    ('x = os.getenv("KEY")\nif x is None:\n    sys.exit(1)', D),
    ('dsn = os.getenv("KEY")\nif dsn:\n    init(dsn)', O),
    ('os.environ.setdefault("KEY", "x")', O),
    ('x = os.environ.get("KEY").split(",")', A),
    ('stripe.api_key = os.getenv("KEY")', A),
    ('x = env("KEY")', D),
    ('x = env("KEY", default="d")', O),
    ('x = env.bool("KEY", False)', O),
    ('x = env.int("KEY")', D),
    ('env = environ.Env(KEY=(bool, False))', S),
    ('x = config("KEY", cast=int)', D),
    ('x = config("KEY", default=5, cast=int)', O),
    ('x = get_env("KEY")', A),
    ('x = get_env("KEY", "d")', O),
    ('x = require_env("KEY")', D),
    ('class Settings(BaseSettings):\n    key: str', D),
    ('class Settings(BaseSettings):\n    key: str = "d"', S),
    ('class Settings(BaseSettings):\n    other: str = Field(alias="KEY")', D),
    ('class Settings(BaseSettings):\n    other: str = Field("d", validation_alias="KEY")', S),
    ('class Settings(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix="K")\n    ey: str', D),
    ('print os.environ["KEY"]', D),
]  # fmt: skip

JAVASCRIPT = [
    ("const s = new Stripe(process.env.KEY);", A),
    ("const s = new Stripe(process.env.KEY!);", A),
    ("const s = new Stripe(process.env.KEY as string);", A),
    ("const x = process.env['KEY']", A),
    ('const x = process.env["KEY"] || "d"', O),
    ("const x = process.env.KEY ?? 'd'", O),
    ("const x = Number(process.env.KEY) || 5", O),
    ("const x = parseInt(process.env.KEY, 10) || 5", O),
    ("const x = parseInt(process.env.KEY || '5')", O),
    ("const x = process.env.KEY?.split(',') ?? []", O),
    ("if (process.env.KEY) { init() }", O),
    ("if (!process.env.KEY) { throw new Error('KEY') }", D),
    ("if (!process.env.KEY)\n  process.exit(1)", D),
    ("if (!process.env.KEY) { warn() }", O),
    ("const on = process.env.KEY === 'true'", O),
    ("const x = process.env.KEY ? a : b", O),
    ("process.env.KEY && init(process.env.KEY)", A),
    ("const on = !!process.env.KEY", O),
    ("const key = process.env.KEY;\nif (!key) throw new Error('no');", D),
    ("const key = process.env.KEY;\nif (key) { init(key) }", O),
    ("const key = process.env.KEY;\nuse(key);", A),
    ("const url = import.meta.env.KEY", A),
    ("const { KEY, OTHER = 'x' } = process.env;", A),
    ("const { KEY = 'd' } = process.env;", O),
    ("import { KEY } from '$env/static/private'", D),
    ("import { env } from '$env/dynamic/private'\nconst x = env.KEY", A),
    ("const x = requireEnv('KEY')", D),
    ("const x = getEnv('KEY')", A),
    ("const x = getEnv('KEY', 'd')", O),
    ("const x = envInt('KEY', 5)", O),
    ("const x = Deno.env.get('KEY') ?? 'd'", O),
    ("const x = Deno.env.get('KEY')", A),
    ("const env = z.object({\n  KEY: z.string().min(1),\n}).parse(process.env)", D),
    ("const env = z.object({\n  KEY: z.string().url().optional(),\n}).parse(process.env)", S),
    ("const env = z.object({\n  KEY: z\n    .string()\n    .default('d'),\n}).parse(process.env)", S),
    ("const env = cleanEnv(process.env, {\n  KEY: str(),\n})", D),
    ("const env = cleanEnv(process.env, {\n  KEY: str({ default: 'd' }),\n})", S),
    ("const s = Joi.object({\n  KEY: Joi.string().required(),\n}).validate(process.env)", D),
    ("const url = `https://${process.env.KEY}/x`", A),
]  # fmt: skip

RUBY = [
    ('x = ENV["KEY"]', A),
    ('x = ENV.fetch("KEY")', D),
    ('x = ENV.fetch("KEY", "d")', O),
    ('x = ENV.fetch("KEY") { "d" }', O),
    ('x = ENV["KEY"] || "d"', O),
    ('x = ENV["KEY"].presence || "d"', O),
    ('x = ENV["KEY"] || raise("KEY")', D),
    ('raise "KEY missing" unless ENV["KEY"]', D),
    ('init if ENV["KEY"]', O),
    ('x = ENV["KEY"].present?', O),
    ('x = ENV["KEY"] == "1"', O),
    ('x = ENV.key?("KEY")', O),
    ('Stripe.api_key = ENV["KEY"]', A),
    ('ENV["KEY"] ||= "d"', O),
]

PHP = [
    ("$x = env('KEY');", A),
    ("$x = env('KEY', 'd');", O),
    ("$x = getenv('KEY');", A),
    ("$x = getenv('KEY') ?: 'd';", O),
    ("$x = $_ENV['KEY'];", A),
    ("$x = $_ENV['KEY'] ?? 'd';", O),
    ("if (isset($_ENV['KEY'])) {}", O),
    ("if (!getenv('KEY')) { throw new Exception('x'); }", D),
    ("$x = $_ENV['KEY'] ?? throw new Exception('x');", D),
    ("$x = Env::getOrFail('KEY');", D),
]

GO = [
    ('x := os.Getenv("KEY")\nuse(x)', A),
    ('use(os.Getenv("KEY"))', A),
    ('if x := os.Getenv("KEY"); x != "" { use(x) }', O),
    ('x := os.Getenv("KEY")\nif x == "" {\n\tlog.Fatal("KEY")\n}', D),
    ('x := os.Getenv("KEY")\nif x == "" {\n\treturn nil, errors.New("KEY")\n}', D),
    ('x := os.Getenv("KEY")\nif x == "" {\n\tx = "d"\n}', O),
    ('x, ok := os.LookupEnv("KEY")\nif !ok {\n\tpanic("KEY")\n}', D),
    ('x, ok := os.LookupEnv("KEY")\nif ok { use(x) }', O),
    ('type C struct {\n\tKey string `env:"KEY,required"`\n}', D),
    ('type C struct {\n\tKey string `env:"KEY" envDefault:"d"`\n}', S),
    ('type C struct {\n\tKey string `envconfig:"KEY" required:"true"`\n}', D),
    ('x := getEnv("KEY", "d")', O),
    ('x := mustEnv("KEY")', D),
    ('if os.Getenv("KEY") == "1" { debug() }', O),
]

SNIPPETS = [
    (path, code, need)
    for path, table in (("a.py", PYTHON), ("a.ts", JAVASCRIPT), ("a.rb", RUBY), ("a.php", PHP), ("a.go", GO))
    for code, need in table
]


@pytest.mark.parametrize(("path", "code", "need"), SNIPPETS, ids=[f"{p}:{c[:45]!r}" for p, c, _ in SNIPPETS])
def test_each_read_is_found_and_its_need_told(path, code, need):
    found = {read.need for read in reads_in(path, code) if read.name == "KEY"}
    assert max(found, default=None) in need


def test_the_table_is_wide():
    assert len(SNIPPETS) >= 100


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("a.py", '# os.environ["KEY"]\nx = 1'),
        ("a.py", 'os.environ["KEY"] = "x"'),
        ("a.py", 'x = {"KEY": 1}["KEY"]'),
        ("a.py", 'x = config("logging.yaml")'),
        ("a.py", 'def app(environ, start_response):\n    return environ["PATH_INFO"]'),
        ("a.ts", "// process.env.KEY\n/* process.env.KEY */ const x = 1"),
        ("a.ts", "process.env.KEY = 'x'"),
        ("a.ts", "delete process.env.KEY"),
        ("a.ts", "const env = { KEY: z.string() }"),
        ("a.rb", '# ENV["KEY"]'),
        ("a.rb", 'ENV["KEY"] = "x"'),
        ("a.php", "// env('KEY')\n"),
        ("a.php", "$x = $_SERVER['HTTP_KEY'];"),
        ("a.go", '// os.Getenv("KEY")\n'),
        ("a.go", 'os.Setenv("KEY", "x")'),
        ("a.txt", "process.env.KEY"),
    ],
)
def test_what_is_no_read_is_not_taken_for_one(path, code):
    assert reads_in(path, code) == ()


def test_reads_in_configuration_templates_count():
    (rails,) = reads_in("config/database.yml", "production:\n  url: <%= ENV['DATABASE_URL'] %>\n")
    assert (rails.name, rails.line, rails.need) == ("DATABASE_URL", 2, Need.ASKED)
    symfony = reads_in("config/packages/a.yaml", "dsn: '%env(KEY)%'\nport: '%env(default:port:int:PORT2)%'\n")
    assert [(read.name, read.need) for read in symfony] == [
        ("KEY", Need.DEMANDED),
        ("PORT2", Need.DECLARED_OPTIONAL),
    ]


def test_drivers_that_laravel_lists_unasked_are_optional():
    assert reads_in("config/services.php", "'token' => env('POSTMARK_TOKEN'),")[0].need is Need.OPTIONAL
    assert reads_in("config/billing.php", "'token' => env('POSTMARK_TOKEN'),")[0].need is Need.ASKED


def test_required_is_what_some_read_cannot_do_without():
    reads = [
        *reads_in("a.ts", "use(process.env.BARE); const x = process.env.BARE || 'd'"),
        *reads_in("b.ts", "const env = z.object({\n  SCHEMA: z.string().optional() }).parse(process.env)"),
        *reads_in("c.ts", "use(process.env.SCHEMA); use(process.env.NODE_ENV); use(process.env.VERCEL_URL)"),
        *reads_in("d.ts", "const d = process.env.DEFAULTED ?? 'd'"),
    ]
    needed = required(reads)
    assert list(needed) == ["BARE"]
    assert [(read.path, read.line) for read in needed["BARE"]] == [("a.ts", 1)]


@pytest.mark.parametrize("name", ["PORT", "NODE_ENV", "VERCEL_URL", "FLY_APP_NAME", "HOME", "CI"])
def test_what_the_platform_gives_is_nobodys_gap(name):
    assert is_given_by_platform(name)
    assert not is_given_by_platform(f"MY_{name}")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A_KEY\nB_KEY\n", {"A_KEY", "B_KEY"}),
        ("NAME         DIGEST   CREATED AT\nA_KEY        3f9a     1h ago\n", {"A_KEY"}),
        ("A_KEY=\nB_KEY=hidden\n# comment\n\n", {"A_KEY", "B_KEY"}),
        ('[{"name": "A_KEY", "type": "encrypted"}, {"key": "B_KEY"}]', {"A_KEY", "B_KEY"}),
        ('["A_KEY"]', {"A_KEY"}),
        ('{"A_KEY": "x"}', {"A_KEY"}),
        ("│ A_KEY │ hidden │\n| B_KEY | hidden |", {"A_KEY", "B_KEY"}),
        ("", set()),
        ("[" * 5000, set()),
    ],
)
def test_lists_of_names_are_read_as_hosts_print_them(text, names):
    parsed = parse_names(text)
    assert set(parsed) == names
    assert set(parsed.values()) <= {None}


@pytest.mark.parametrize(
    ("path", "text", "values"),
    [
        ("fly.toml", '[env]\nA_KEY = "x"\nB_KEY = 3\n', {"A_KEY": "x", "B_KEY": "3"}),
        ("netlify.toml", '[context.production.environment]\nA_KEY = "x"\n', {"A_KEY": "x"}),
        ("vercel.json", '{"env": {"A_KEY": "@secret", "B_KEY": "x"}}', {"A_KEY": None, "B_KEY": "x"}),
        ("app.json", '{"env": {"A_KEY": {"description": "d", "value": "x"}, "B_KEY": {"generator": "secret"}}}',
         {"A_KEY": "x", "B_KEY": None}),
        ("render.yaml", "services:\n  - envVars:\n      - {key: A_KEY, value: x}\n      - {key: B_KEY, sync: false}\n",
         {"A_KEY": "x", "B_KEY": None}),
        ("docker-compose.prod.yml", "services:\n  web:\n    environment:\n      - A_KEY=x\n      - B_KEY\n",
         {"A_KEY": "x", "B_KEY": None}),
        ("Dockerfile", "FROM x\nENV A_KEY=x B_KEY=\"y z\"\n", {"A_KEY": "x", "B_KEY": "y z"}),
    ],
)  # fmt: skip
def test_what_hosts_configuration_defines_is_read(path, text, values):
    (definition,) = definitions_in(path, text)
    assert (definition.environment, definition.source, dict(definition.values)) == ("production", path, values)


WORKFLOW = """
on: push
env: {A_KEY: x, B_KEY: "${{ secrets.B }}"}
jobs:
  test:
    env: {C_KEY: "postgres://a:${{ secrets.C }}@db/x"}
    steps:
      - run: make test
        env: {D_KEY: 3}
      - uses: actions/checkout@v4
"""


@pytest.mark.parametrize(
    ("path", "text", "environment", "values"),
    [
        (".github/workflows/ci.yml", WORKFLOW, "CI", {"A_KEY": "x", "B_KEY": None, "C_KEY": None, "D_KEY": "3"}),
        (".gitlab-ci.yml", "variables: {A_KEY: x}\ntest:\n  variables: {B_KEY: {value: y}}\n  script: [make]\n", "CI",
         {"A_KEY": "x", "B_KEY": "y"}),
        ("docker-compose.yml", "services: {web: {environment: {A_KEY: x}}}\n", "compose", {"A_KEY": "x"}),
        ("infra/compose.override.yaml", "services: {web: {environment: [A_KEY=x]}}\n", "compose", {"A_KEY": "x"}),
    ],
)  # fmt: skip
def test_what_ci_and_compose_define_belongs_to_no_environment(path, text, environment, values):
    (definition,) = definitions_in(path, text)
    assert (definition.environment, dict(definition.values)) == (environment, values)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", ["render.yaml", "compose.prod.yml", "compose.yml", ".gitlab-ci.yml"])
@pytest.mark.parametrize(
    "text", ["services: " + "{a: " * 100_000, "services: " + "[" * 200_000, "a: &a {b: 1}\nc: {<<: *a}\n" * 20_000]
)
def test_yaml_that_would_stall_or_crash_a_parser_defines_nothing(path, text):
    assert definitions_in(path, text) == ()


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/a.yml",
        ".gitlab-ci.yml",
        "fly.toml",
        "netlify.toml",
        "app.json",
        "render.yaml",
        "docker-compose.prod.yml",
        "Dockerfile",
    ],
)
@given(text=st.text(max_size=80))
def test_any_text_is_a_configuration_file(path, text):
    definitions_in(path, text)


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.rb", "a.php", "a.go", "config/a.yml", "config/a.yaml"])
@given(text=st.text(max_size=120) | st.text(alphabet="process.env.KEY()[]{}'\"`,?|&=! \n:;if$", max_size=120))
def test_any_text_is_source(path, text):
    reads_in(path, text)
    parse_values(text)
    parse_names(text)


GUARDED = {
    "a.py": 'if os.getenv("KEY"):\n    init(os.getenv("KEY"), os.environ["KEY"])',
    "a.ts": "if (process.env.KEY) init(process.env.KEY)\nprocess.env.KEY && init({ key: process.env.KEY })",
    "a.rb": 'init(ENV["KEY"]) if ENV["KEY"]',
    "a.php": "if (getenv('KEY')) { init(getenv('KEY')); }",
    "a.go": 'if os.Getenv("KEY") != "" { start(os.Getenv("KEY")) }',
}


@pytest.mark.parametrize(("path", "code"), GUARDED.items(), ids=GUARDED)
def test_a_read_behind_a_question_whether_it_is_set_is_not_required(path, code):
    """The commonest false alarm: an error tracker that starts only where its address is given."""
    assert required(reads_in(path, code)) == {}


HOSTILE = (
    "process.env.A " * 20_000,
    "const {" * 40_000 + "env",
    "ENV['A'] " * 20_000,
    "env('" * 40_000,
    "(" * 5_000 + "env",
    "x = os.getenv('A')\n" * 5_000,
    "const a = process.env.A;\n" * 3_000,
    'os.Getenv("A") ' * 20_000,
    "`" * 99_999 + "env",
)


@pytest.mark.parametrize("path", ["a.py", "a.ts", "a.rb", "a.php", "a.go"])
def test_hostile_source_is_read_in_bounded_time(path):
    for text in HOSTILE:
        assert len(reads_in(path, text)) <= 1_000
