"""deploy.repeatable: one way to production, nothing by hand. deploy.release: production names what was meant."""

import json

import pytest

from launchready_lib.checks.stabilize_deployment import releasing
from launchready_lib.evidence import Unavailable
from launchready_lib.network import Response
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from launchready_lib.sources.deploys import migrations, ways, workflows
from tests.checkouts import new_checkout

FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN
CONTENT = {"name": "Acme", "domain": "acme.example", "release": "1.0"}
WORKFLOW = "name: deploy\non:\n  push:\n    branches: [main]\njobs:\n  go:\n    steps:\n      - run: {}\n"


@pytest.fixture
def judged(tmp_path):
    """Read a repository made of files, with these deploy parameters."""
    commit = new_checkout(tmp_path / "app")

    def judge(files, **deploy):
        repo = repository.open_at(commit({"README.md": "An app.\n", **files}))
        evidence, _ = releasing.read_deploys(repo, load({**CONTENT, "deploy": deploy}))
        return releasing.repeatable(evidence)

    return judge


WAYS = {
    "Fly from GitHub": ({".github/workflows/deploy.yml": WORKFLOW.format("flyctl deploy --remote-only")}, "Fly"),
    "Kamal from GitHub": ({".github/workflows/ci.yml": WORKFLOW.format("kamal deploy")}, "Kamal"),
    "SSH from GitHub": (
        {".github/workflows/ci.yml": WORKFLOW.format("ssh app@host 'cd app && git pull'")},
        "plain SSH",
    ),
    "Compose from GitLab": ({".gitlab-ci.yml": "deploy:\n  script: [docker compose up -d]\n"}, "Docker Compose"),
    "Heroku from GitLab": ({".gitlab-ci.yml": "d:\n  script: git push https://git.heroku.com/x.git\n"}, "Heroku"),
    "Render": ({"render.yaml": "services: []\n"}, "Render"),
    "Railway": ({"railway.json": "{}\n"}, "Railway"),
    "Vercel": ({"vercel.json": "{}\n"}, "Vercel"),
    "Netlify": ({"netlify.toml": "[build]\n"}, "Netlify"),
    "a script": ({"scripts/deploy.sh": "rsync -a dist/ app@host:/srv\n"}, "plain SSH"),
    "a target": ({"Makefile": "deploy:\n\twrangler deploy\n"}, "Cloudflare"),
    "an npm script": ({"package.json": '{"scripts": {"deploy": "sst deploy --stage prod"}}'}, "AWS"),
}


@pytest.mark.parametrize(("files", "name"), WAYS.values(), ids=list(WAYS))
def test_each_way_to_production_is_recognised(judged, files, name):
    verdict = judged(files)
    assert verdict.status is PASS
    assert name in verdict.summary


@pytest.mark.parametrize(
    "files",
    [
        {".github/workflows/ci.yml": WORKFLOW.format("npm test")},
        {".github/workflows/ci.yml": "# deploys with flyctl deploy\n" + WORKFLOW.format("npm test")},
        {"fly.toml": 'app = "x"\n'},
        {"Makefile": "test:\n\tpytest\n"},
        {"compose.yaml": "services: {}\n"},
    ],
    ids=["tests only", "a comment", "settings only", "no target", "compose for development"],
)
def test_what_only_looks_like_a_way_is_unknown_and_names_the_parameter(judged, files):
    verdict = judged(files)
    assert verdict.status is UNKNOWN
    assert "deploy.deploy_command" in verdict.needs


BY_HAND = {
    "copied": {"README.md": "# App\n## Deploying\n1. Copy the API key from the dashboard into .env\n"},
    "edited": {"docs/deploy.md": "Edit the config file on the server, then restart.\n"},
    "by hand": {"RUNBOOK.md": "# Release\nBump the build number by hand.\n"},
    "asked for": {"README.md": "# Deployment\nAsk Tom for the database password from his notes\n"},
    "uploaded": {"README.md": "# Going live\n- Upload dist/ with FileZilla\n"},
    "typed in a script": {"deploy.sh": "#!/bin/sh\nread -p 'Database password: ' PASSWORD\nssh app@host deploy\n"},
    "a blank in a script": {"bin/deploy": "#!/bin/sh\nexport KEY=<YOUR_KEY>\nfly deploy\n"},
    "typed into a pipeline": {
        ".github/workflows/deploy.yml": "on:\n  workflow_dispatch:\n    inputs:\n      api_token: {required: true}\n"
        "jobs:\n  a:\n    steps:\n      - run: fly deploy\n"
    },
}


@pytest.mark.parametrize("files", BY_HAND.values(), ids=list(BY_HAND))
def test_a_step_by_hand_fails_and_is_quoted_with_its_place(judged, files):
    verdict = judged({".github/workflows/d.yml": WORKFLOW.format("fly deploy"), **files})
    assert verdict.status is FAIL
    assert next(iter(files)) in verdict.summary


NOT_BY_HAND = {
    "set up once": {"README.md": "# Deploying\n## First-time setup\nCopy the key into the host's settings.\n"},
    "development": {"README.md": "# App\n## Local development\nCopy the values into .env\n"},
    "denied": {"README.md": "# Deploying\nNothing is copied by hand; never edit the .env on the server.\n"},
    "rotation": {"docs/rotate.md": "# Rotating secrets\nPaste the new key on the host's page.\n"},
    "a question": {"deploy.sh": "read -p 'Deploy to production? [y/N] ' answer\nfly deploy\n"},
    "a version": {"deploy.sh": "read -p 'Which version? ' VERSION\nfly deploy\n"},
    "a file": {"deploy.sh": "while read line; do echo $line; done < list\nfly deploy\n"},
    "history": {"CHANGELOG.md": "# Release 1.2\n- Users can copy their API key by hand\n"},
    "inputs that name": {
        ".github/workflows/deploy.yml": "on:\n  workflow_dispatch:\n    inputs:\n      version: {}\n"
        "jobs:\n  a:\n    steps:\n      - run: fly deploy\n"
    },
    "of others": {"node_modules/x/README.md": "# Deploy\nCopy your key by hand\n"},
}


@pytest.mark.parametrize("files", NOT_BY_HAND.values(), ids=list(NOT_BY_HAND))
def test_what_is_done_once_denied_or_only_asked_is_no_step_by_hand(judged, files):
    assert judged({".github/workflows/d.yml": WORKFLOW.format("fly deploy"), **files}).status is PASS


def test_a_declared_way_that_is_not_there_fails(judged):
    verdict = judged({}, deploy_command=["./deploy now"])
    assert verdict.status is FAIL
    assert "deploy is not in the repository" in verdict.summary
    assert judged({"deploy": "#!/bin/sh\n"}, deploy_command=["./deploy now"]).status is PASS


def test_a_declared_command_without_a_repository_is_a_persons_word():
    evidence = releasing.DeployEvidence(
        ways=(ways.DeployWay("command", "make ship", "deploy.deploy_command"),),
        repository=Unavailable("no repository was given", "repository.path"),
    )
    verdict = releasing.repeatable(evidence)
    assert (verdict.status, verdict.source) == (PASS, "attested")


def ways_of(number):
    return tuple(ways.DeployWay("pipeline", f"Fly {n}", f"ci{n}.yml") for n in range(number))


def by_hand(number):
    return tuple({"step_by_hand": f"Copy key {n}", "where": f"README{n}.md:3"} for n in range(number))


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (releasing.DeployEvidence(ways=ways_of(1)), "One pipeline deploys: Fly 0 (ci0.yml); no step by hand is"),
        (releasing.DeployEvidence(ways=ways_of(2)), "(ci0.yml); 1 more way found; no step"),
        (releasing.DeployEvidence(ways=ways_of(3)), "(ci0.yml); 2 more ways found; no step"),
        (
            releasing.DeployEvidence(by_hand=by_hand(1)),
            "A step of each deploy is done by hand: “Copy key 0” (README0.md",
        ),
        (
            releasing.DeployEvidence(by_hand=by_hand(2)),
            "2 steps of each deploy are done by hand: “Copy key 0” (README0",
        ),
    ],
    ids=["one way", "two ways", "three ways", "one step", "two steps"],
)
def test_ways_and_steps_are_counted_and_the_first_is_named(evidence, says):
    verdict = releasing.repeatable(evidence)
    assert says in verdict.summary
    assert verdict.about == tuple(row["where"].partition(":")[0] for row in evidence.by_hand)


@pytest.mark.parametrize("text", ["on: [" * 5000, "a: &a [x]\n" + "b: *a\n" * 99, "{" * 9000, "\0", "on: 5", "- 1"])
def test_no_workflow_whatever_breaks_the_reading(text):
    path = ".github/workflows/x.yml"
    assert list(ways.asked_by_hand({path: text})) == []
    list(ways.pipelines({path: text + "\nrun: fly deploy"}))


@pytest.mark.parametrize("line", ["ssh " * 50_000, "echo 'now " * 20_000, "read " + " " * 200_000, "vercel " * 30_000])
def test_long_lines_cost_no_time(line):
    ways.deploying(line)
    list(ways.in_script("deploy.sh", line))
    list(ways.in_guide("deploy.md", line))


MIGRATIONS = {
    "table": ("prisma/migrations/1/migration.sql", 'DROP TABLE "Order";', "drops the table Order"),
    "column": ("migrations/0002.sql", "ALTER TABLE a DROP COLUMN email;", "drops the column email"),
    "type": ("migrations/0002.sql", "ALTER TABLE a ALTER COLUMN n TYPE int;", "changes the type of n"),
    "rows": ("db/migrations/2.sql", "DELETE FROM members WHERE old;", "deletes rows of members"),
    "django": ("shop/migrations/0002_x.py", "migrations.RemoveField(model_name='order', name='note')", "order.note"),
    "django code": ("shop/migrations/0002_x.py", "migrations.RunPython(forwards)", "RunPython without a way back"),
    "alembic": ("alembic/versions/a.py", "def upgrade():\n    op.drop_column('a', 'b')\n", "drops the column a.b"),
    "alembic down": ("alembic/versions/a.py", "def upgrade():\n  x()\n\ndef downgrade():\n    pass\n", "downgrade"),
    "rails": ("db/migrate/2_x.rb", "def change\n  remove_column :users, :phone\nend", "users.phone"),
    "rails itself": ("db/migrate/2_x.rb", "def down\n  raise ActiveRecord::IrreversibleMigration\nend", "itself"),
    "laravel": ("database/migrations/2_x.php", "$table->dropColumn('phone');", "drops the column phone"),
    "knex": ("migrations/2.js", "exports.up = k => k.schema.dropTable('old');", "drops the table old"),
    "sequelize": ("migrations/2.js", "up: (q) => q.removeColumn('a', 'b'),\ndown: (q) => {}", "a.b"),
    "typeorm": ("src/migrations/2.ts", "async up(q) { await q.query(`DROP TABLE x`) }", "drops the table x"),
    "ecto": ("priv/repo/migrations/2.exs", "alter table(:a) do\n  remove :b\nend", "drops the column b"),
}


@pytest.mark.parametrize(("path", "text", "why"), MIGRATIONS.values(), ids=list(MIGRATIONS))
def test_a_migration_that_cannot_be_undone_says_why(path, text, why):
    assert migrations.is_migration(path)
    assert any(why in each.why for each in migrations.irreversible(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("migrations/2.sql", "CREATE TABLE a (id int); -- DROP TABLE b\n/* DROP TABLE c */"),
        ("migrations/2.sql", "-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;\n"),
        ("db/migrate/2_x.rb", "def up\n  add_column :a, :b, :text\nend\ndef down\n  remove_column :a, :b\nend"),
        ("shop/migrations/0002_x.py", "migrations.RunPython(forwards, migrations.RunPython.noop)"),
        ("shop/migrations/0002_x.py", "migrations.AddField(model_name='a', name='b')"),
        ("alembic/versions/a.py", "def upgrade():\n  op.add_column()\ndef downgrade():\n  op.drop_column('a', 'b')"),
        ("migrations/2.js", "exports.up = k => k.createTable('a');\nexports.down = k => k.dropTable('a');"),
    ],
)
def test_a_migration_with_a_way_back_is_not_flagged(path, text):
    assert list(migrations.irreversible(path, text)) == []


@pytest.mark.parametrize("path", ["migrations/2.down.sql", "src/migrate.py", "db/schema.sql", "U2__x.sql"])
def test_what_is_no_migration_forward_is_left_alone(path):
    assert not migrations.is_migration(path)


@pytest.mark.parametrize(
    "text", ["/*" * 40_000, "op.execute(" * 9_000, "migrations.RunPython(" * 9_000, "query('" * 9_000]
)
@pytest.mark.parametrize("path", ["migrations/2.sql", "alembic/versions/a.py", "migrations/2.js"])
def test_hostile_migrations_cost_no_time(path, text):
    list(migrations.irreversible(path, text))


def answer(body, status=200, media="application/json", state="ok"):
    body = body if isinstance(body, str) else json.dumps(body)
    headers = (("content-type", media),)
    if state != "ok":
        return Response("GET", "https://acme.example/version", state, error="no answer")
    return Response("GET", "https://acme.example/version", "ok", status, headers, body.encode())


def evidence(reply, expected="1.0", commit=""):
    return releasing.ReleaseEvidence(expected, "deploy.release", releasing.named_in(reply), reply, commit)


@pytest.mark.parametrize(
    ("reply", "expected", "status"),
    [
        (answer({"release": "1.0"}), "1.0", PASS),
        (answer({"version": "v1.0", "up": True}), "1.0", PASS),
        (answer("1.0\n", media="text/plain"), "1.0", PASS),
        (answer('"1.0"'), "1.0", PASS),
        (answer({"commit": "0123456"}), "1.0", PASS),
        (answer({"commit": "9999999"}), "1.0", FAIL),
        (answer({"release": "0.9"}), "1.0", FAIL),
        (answer({"status": "ok"}), "1.0", FAIL),
        (answer("<html>1.0</html>", media="text/html"), "1.0", FAIL),
        (answer("1.0", status=404, media="text/plain"), "1.0", FAIL),
        (answer("", state="timeout"), "1.0", UNKNOWN),
        (answer("", state="blocked"), "1.0", UNKNOWN),
        (answer("", status=429), "1.0", UNKNOWN),
        (answer("[" * 50_000), "1.0", FAIL),
    ],
)
def test_production_names_the_release_that_was_meant(reply, expected, status):
    assert releasing.release(evidence(reply, expected, "0123456789abcdef0123456789abcdef01234567")).status is status


@pytest.mark.parametrize(("status", "says"), [(404, "/version does not name a release (404)"), (200, "a release")])
def test_an_answer_without_a_release_tells_its_status_where_it_is_not_200(status, says):
    assert releasing.release(evidence(answer({"up": True}, status))).summary.endswith(says)


def test_an_unknown_release_address_is_unknown_and_names_the_parameter():
    assert releasing.release(Unavailable("not given", "site.release_url")).needs == "site.release_url"


BAD = "on: pull_request_target\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: echo ${{ github.head_ref }}\n"


@pytest.mark.anyio
@pytest.mark.skipif(workflows.program() is None, reason="zizmor is not installed")
@pytest.mark.parametrize("other", ["", ": [", "a: 1\n", "on: push\njobs: {a: " + "[" * 20_000])
async def test_workflow_risks_come_from_zizmor_whatever_stands_beside(other):
    found = await workflows.risks({".github/workflows/ci.yml": BAD, ".github/workflows/a.yml": other})
    told = {row["workflow_risk"]: row for row in found}
    assert told["code injection via template expansion"]["where"] == ".github/workflows/ci.yml:6"
    assert told["code injection via template expansion"]["severity"] == "high"
    assert "docs.zizmor.sh" in told["use of fundamentally insecure workflow trigger"]["more"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (None, "not installed"),
        ("#!/bin/sh\necho nothing\n", "no result that can be read"),
        ("#!/bin/sh\necho '[{\"determinations\": {}}]'\n", "no result that can be read"),
        ("#!/no/such/program\n", "did not run to its end"),
    ],
)
async def test_without_a_working_zizmor_the_risks_are_not_known(tmp_path, monkeypatch, body, reason):
    fake = tmp_path / "zizmor"
    fake.write_text(body or "")
    fake.chmod(0o755)
    monkeypatch.setattr(workflows, "program", lambda: str(fake) if body else None)
    found = await workflows.risks({".github/workflows/ci.yml": BAD})
    assert isinstance(found, Unavailable)
    assert reason in found.reason
    verdict = releasing.repeatable(releasing.DeployEvidence(risks=found))
    assert any(reason in str(row.get("workflow_risk")) for row in verdict.evidence)
