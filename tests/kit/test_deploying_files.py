"""The kit of stage 2: each file runs as it is, and what it says is this client's own."""

import csv
import os
import shutil
import subprocess
import sys

import pytest
import yaml

from launchready_lib import kit
from launchready_lib.checks.stabilize_deployment import validated
from launchready_lib.checks.stabilize_deployment.deploy import RollbackEvidence, Way
from launchready_lib.checks.stabilize_deployment.releasing import read_deploys
from launchready_lib.checks.stabilize_deployment.validated import Outcome, Start, StartEvidence
from launchready_lib.client import Client
from launchready_lib.kit import deploying
from launchready_lib.kit.quoting import render
from launchready_lib.parameters import load
from launchready_lib.record.findings import Finding, Status
from launchready_lib.roadmap import Severity
from launchready_lib.sources.credentials import GRAMMARS, Standing
from launchready_lib.sources.environments import read_environments
from launchready_lib.sources.repository import open_at
from tests.checkouts import git, new_checkout
from tests.test_credentials import ISSUED

NAMES = ["API_KEY", "MAIL_URL"]
GATES = {
    "py": [sys.executable],
    "mjs": ["node"],
    "rb": ["ruby"],
    "php": ["php"],
    "go": ["go", "run"],
    "sh": ["sh"],
}
VARIABLES = {"API_KEY": "k-1234567", "MAIL_URL": "smtp://mail.acme.example"}


@pytest.fixture(params=GATES)
def gate(request, tmp_path):
    """Run the gate of one language with these variables."""
    program, *arguments = GATES[request.param]
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed here")
    script = tmp_path / f"validate_env.{request.param}"
    script.write_text(render(f"repository/scripts/{script.name}", names=NAMES))

    def run(**variables):
        kept = {
            name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "RUBYLIB", "GOROOT") if name in os.environ
        }
        environment = {**kept, "HOME": str(tmp_path), **variables}
        done = subprocess.run(
            [found, *arguments, str(script)], env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def test_a_gate_lets_a_deploy_pass_where_every_variable_is_set(gate):
    code, said = gate(**VARIABLES)
    assert (code, said.strip()) == (0, "All 2 variables that the app needs are set")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is missing"),
        ("", "is blank"),
        ("  ", "is blank"),
        ("change-me", "is still a placeholder"),
        ("<your key>", "is still a placeholder"),
    ],
)
def test_a_gate_stops_a_deploy_and_names_the_variable(gate, value, fault):
    code, said = gate(MAIL_URL="smtp://mail.acme.example", **({} if value is None else {"API_KEY": value}))
    assert code != 0
    assert f"Not deployed: API_KEY {fault}" in said
    assert "mail.acme.example" not in said


def test_a_gate_names_every_fault_at_once(gate):
    _, said = gate()
    assert "API_KEY is missing, MAIL_URL is missing" in said


@pytest.fixture
def scanned(tmp_path):
    """A repository with the kit's scan in it; scan it as the CI job or the commit hook does."""
    commit = new_checkout(tmp_path / "app")
    values = {"patterns": deploying.patterns()}
    names = ("scripts/secret_scan.sh", ".githooks/pre-commit", ".github/workflows/secret-scan.yml")
    folder = commit({name: render(f"repository/{name}", **values) for name in names})

    def scan(files, *, staged=False):
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
            git(folder, "add", "--", name)
        if not staged:
            git(folder, "commit", "-q", "--allow-empty", "-m", "change")
        workflow = yaml.safe_load((folder / names[2]).read_text())
        (command,) = [step["run"] for step in workflow["jobs"]["secret-scan"]["steps"] if "run" in step]
        command = "sh .githooks/pre-commit" if staged else command
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_GLOBAL": os.devnull}
        done = subprocess.run(
            ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return scan


def test_the_scan_does_not_refuse_itself_nor_an_ordinary_repository(scanned):
    assert scanned({"a.py": "x = 1\n", "notes.md": "Rotate keys. STRIPE=sk_live_xxxxxxxxxxxxxxxxxxxxxxxx\n"}) == (
        0,
        "No key found\n",
    )


LEFT_OUT = {"jwt", "basic-auth-url"}
SECRET = [g.id for g in GRAMMARS if g.standing is Standing.SECRET and g.id not in LEFT_OUT and g.id in ISSUED]
ONE_LINE = [name for name in SECRET if "\n" not in ISSUED[name]]


@pytest.mark.parametrize("staged", [False, True], ids=["CI job", "commit hook"])
def test_every_kind_of_key_is_refused_by_its_place_and_never_shown(scanned, staged):
    lines = [f"x = '{ISSUED[name]}'" for name in ONE_LINE]
    code, said = scanned({"src/settings with space.py": "\n".join(["import os", *lines]) + "\n"}, staged=staged)
    assert code == 1
    places = [int(line.split(":")[1]) for line in said.splitlines() if line.startswith("src/")]
    missed = [name for number, name in enumerate(ONE_LINE, 2) if number not in places]
    assert missed == []
    assert not [name for name in ONE_LINE if ISSUED[name][8:] in said]


def test_a_private_key_is_refused(scanned):
    code, said = scanned({"id_rsa": ISSUED["private-key"] + "\n"})
    assert code == 1
    assert "id_rsa:1" in said


HARMLESS = [
    "sk_test_" + "a1B2" * 8,
    "pk_live_" + "a1B2" * 8,
    "postgres://app:${PASSWORD}@db.acme.example/x",
    "postgres://postgres:postgres@localhost:5432/x",
    "AKIAIOSFODNN7EXAMPLE",
    "whsec_" + "a1B2" * 8 + "  # secret-scan: allow",
]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_public_local_or_an_example_is_not_refused(scanned, line):
    assert scanned({"a.py": f"x = '{line}'\n"})[0] == 0


def test_the_hook_looks_at_what_is_added_and_not_at_what_stood_there(scanned):
    key = ISSUED["stripe-secret"]
    assert scanned({"old.py": f"x = '{key}'\n"})[0] == 1
    assert scanned({"new.py": "x = 1\n", "old.py": f"x = '{key}'\ny = 2\n"}, staged=True)[0] == 0
    assert scanned({"old.py": "y = 2\n"}, staged=True)[0] == 0


class FakeStage:
    """What of a stage the kit reads."""

    def __init__(self, client, judged=()):
        self.client = client
        self.judged = {finding.check: finding for finding in judged}
        self.failures = {check: found for check, found in self.judged.items() if found.status is Status.FAIL}


def finding(check, status=Status.FAIL, **more):
    return Finding(check, "stabilize_deployment", status, Severity.HIGH, "t", "what was found", "measured", **more)


APP = {
    "settings.py": "import os\nAPI_KEY = os.environ['API_KEY']\nDATABASE_URL = os.environ['DATABASE_URL']\n",
    "scripts/seed.py": "import os\nos.environ['SEED_PASSWORD']\n",
    ".github/workflows/deploy.yml": "on: {push: {tags: ['*']}}\njobs:\n  a:\n    steps:\n      - run: fly deploy\n",
    "db/migrations/2.sql": "DROP TABLE old;\n",
    "README.md": "# Deploying\n1. Copy the key from the founder's notes | and `paste` it.\n",
}


@pytest.fixture
def made(tmp_path):
    """The kit for a small app, by file name; `judged` are the stage's findings."""
    commit = new_checkout(tmp_path / "app")

    def make(judged=(), **parameters):
        folder = commit(APP)
        (folder / ".env.production").write_text("API_KEY=k-12345678\n")
        content = {"name": "Acme | `Co`", "domain": "acme.example", "release": "2.0", **parameters}
        content["repository"] = {"path": str(folder), "env_files": {"production": ".env.production"}}
        client = Client(load(content), root=tmp_path, environment={})
        repo = open_at(folder)
        starts = StartEvidence((), (Start("SEED_PASSWORD", Outcome.BESIDE), Start("API_KEY", Outcome.STARTED)))
        back = RollbackEvidence((Way("written", "fly rollback", "docs/x.md:1"),), earlier=(("1.0", "a tag"),))
        evidence = (read_environments(repo, client.parameters), read_deploys(repo, client.parameters)[0], back, starts)
        found = kit.deploys(FakeStage(client, judged), *evidence)
        assert found.problem == ""
        return {file.name: file for file in found.files}, {each.id: each for each in found.deliveries}

    return make


def test_the_checklist_says_what_this_client_does(made):
    deploy = {"deploy_command": ["./ship 2.0"], "previous_release": "1.0"}
    site = {"release_url": "/version", "health": "/up", "pages": {"login": "/in"}}
    files, delivered = made(deploy=deploy, site=site, monitoring={"alerts": [{"to": "#ops", "kind": "slack"}]})
    text = files["deploy_checklist.md"].text
    for said in (
        "GitHub Actions: Fly deploys on push of tags *",
        "`./ship RELEASE`",
        "`db/migrations/2.sql`",
        "Copy the key from the founder",
        "`https://acme.example/version` names the new release",
        "`https://acme.example/up` answers 200",
        "`https://acme.example/in`",
        "`#ops`",
        "fly rollback",
        "`1.0`",
    ):
        assert said in text
    assert delivered["deploy_checklist"].file == "deploy_checklist.md"
    assert all(line.startswith(("#", "- [ ] ", "Made")) for line in text.splitlines() if line)


def test_the_matrix_has_a_column_an_environment_and_no_value(made):
    files, delivered = made()
    rows = list(csv.DictReader(files["environment_matrix.csv"].text.splitlines()))
    by_name = {row["variable"]: row for row in rows}
    assert by_name["API_KEY"]["production"] == "set"
    assert by_name["DATABASE_URL"]["production"] == "missing"
    assert "k-12345678" not in files["environment_matrix.csv"].text
    assert delivered["environment_matrix"].status == "made"


def test_the_gate_is_in_the_apps_language_and_asks_for_what_the_app_itself_reads(made):
    files, _ = made([finding("environment.validated")])
    gate = files["repository/scripts/validate_env.py"]
    assert '"API_KEY"' in gate.text
    assert "SEED_PASSWORD" not in gate.text
    assert gate.fixes == ("environment.validated",)
    assert "validate_env.py" in files["repository/README.md"].text


def test_the_gate_run_by_the_deploy_turns_its_finding_green(made, tmp_path):
    files, _ = made()
    folder = tmp_path / "app"
    (folder / "scripts").mkdir(exist_ok=True)
    (folder / "scripts/validate_env.py").write_text(files["repository/scripts/validate_env.py"].text)
    workflow = (folder / ".github/workflows/deploy.yml").read_text()
    (folder / ".github/workflows/deploy.yml").write_text(workflow + "      - run: python3 scripts/validate_env.py\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Refuse to deploy without what the app needs")
    assert set(validated._gated(open_at(folder))) >= {"API_KEY", "DATABASE_URL"}


def test_the_rotation_list_has_leaks_first_and_secrets_without_an_owner(made):
    row = {"what": "live key", "provider": "Stripe", "where": "a|b.py:3", "revoke": "roll it", "fingerprint": "1"}
    leak = finding("secrets.tree", evidence=({**row, "standing": "secret"}, {**row, "standing": "in a test"}))
    inventory = [{"name": "API_KEY", "owner": "cto", "stored_in": "fly secrets", "steps": "docs/rotate.md"}]
    files, _ = made([leak], secrets_inventory=inventory)
    text = files["rotation_list.md"].text
    assert text.index("Leaked") < text.index("Every secret")
    assert text.count("roll it") == 1
    assert "| `API_KEY` | cto | fly secrets | never noted | docs/rotate.md |" in text
    assert "| `DATABASE_URL` | nobody named |" in text
    assert r"a\|b.py:3" in text


def test_production_is_delivered_where_it_serves_what_was_meant(made):
    row = ({"production_serves": "2.0"},)
    assert made([finding("deploy.release", Status.PASS, evidence=row)])[1]["production_deployment"].status == "made"
    assert made([finding("deploy.release", evidence=row)])[1]["production_deployment"].status == "partial"
    assert made()[1]["production_deployment"].status == "unknown"


def test_without_evidence_the_kit_says_what_it_lacks(tmp_path):
    client = Client(load({"name": "Acme", "domain": "acme.example", "release": "1"}), root=tmp_path, environment={})
    found = kit.deploys(FakeStage(client))
    assert found.problem == ""
    assert {each.id: each.status for each in found.deliveries} == {
        "production_deployment": "unknown",
        "deploy_checklist": "partial",
        "environment_matrix": "unknown",
    }
    assert "environment_matrix.csv" not in [file.name for file in found.files]
