"""environment.validated: the app is started without each variable that it needs, and refuses or does not."""

import sys

import psutil
import pytest

from launchready_lib.checks.quick_audit import environment
from launchready_lib.checks.stabilize_deployment import build, validated
from launchready_lib.checks.stabilize_deployment.validated import Outcome, Start, StartEvidence
from launchready_lib.client import Client
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from tests.checkouts import new_checkout

pytestmark = pytest.mark.anyio
FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN

STRICT = "import os\nAPI_KEY = os.environ['API_KEY']\nMAIL_URL = os.environ['MAIL_URL']\n"
LENIENT = "import os\nAPI_KEY = os.environ.get('API_KEY')\nMAIL_URL = os.environ['MAIL_URL']\n"
MUTE = "import os, sys\nif not os.environ.get('API_KEY'):\n    sys.exit(1)\n"
SERVES = "import settings, os, socket, time\nport = int(os.environ['PORT'])\n"
SERVES += "server = socket.create_server(('127.0.0.1', port))\ntime.sleep(60)\n"
WORKS = "import settings, time\ntime.sleep(60)\n"
NEEDS_A_DATABASE = "import settings, sys\nsys.exit('no connection to the database')\n"
START = f"{sys.executable} app.py"


@pytest.fixture
def try_start(tmp_path, monkeypatch):
    """Start an app made of files, as the notebook does."""
    monkeypatch.setattr(validated, "START_S", 4.0)
    monkeypatch.setattr(validated, "SETTLE_S", 0.2)
    commit = new_checkout(tmp_path / "app")

    async def judge(files, *, allow=("build",), start=(START,), development="API_KEY=opaque-1234567\nMAIL_URL=x\n"):
        folder = commit({"README.md": "An app.\n", **files})
        (folder / ".env.dev").write_text(development)
        who = {"granted_by": "founder", "granted_on": "2026-11-01", "hosts": ["acme.example"], "allow": list(allow)}
        content = {"name": "Acme", "domain": "acme.example", "release": "1.0", "authorization": who}
        files = {"development": ".env.dev"}
        content["repository"] = {"path": str(folder), "start": list(start), "env_files": files}
        client = Client(load(content), root=tmp_path, environment={})
        made, settings = await build.tried(client), await environment.survey(client)
        return validated.validated(await validated.survey(client, made, settings))

    return judge


@pytest.mark.parametrize("app", [SERVES, WORKS], ids=["a server", "a worker"])
async def test_an_app_that_refuses_without_each_variable_passes(try_start, app):
    verdict = await try_start({"settings.py": STRICT, "app.py": app})
    assert verdict.status is PASS
    assert "each of the 2 variables that it needs, and says which" in verdict.summary


@pytest.mark.parametrize("app", [SERVES, WORKS], ids=["a server", "a worker"])
async def test_an_app_that_starts_without_one_fails_and_names_it(try_start, app):
    verdict = await try_start({"settings.py": LENIENT, "app.py": app})
    assert verdict.status is FAIL
    assert verdict.about == ("API_KEY",)


async def test_a_refusal_without_a_word_counts_and_is_told(try_start):
    verdict = await try_start({"settings.py": MUTE, "app.py": SERVES})
    assert verdict.status is PASS
    assert "says which for 0 of 1" in verdict.summary


async def test_where_the_app_cannot_start_at_all_only_a_word_about_the_variable_counts(try_start):
    verdict = await try_start({"settings.py": STRICT, "app.py": NEEDS_A_DATABASE})
    assert verdict.status is PASS
    verdict = await try_start({"settings.py": LENIENT, "app.py": NEEDS_A_DATABASE})
    assert verdict.status is UNKNOWN
    assert "env_files.development" in verdict.needs


async def test_values_of_development_are_never_shown(try_start):
    talks = "import settings\nraise SystemExit('key ' + settings.API_KEY)\n"
    verdict = await try_start({"settings.py": LENIENT, "app.py": talks})
    assert "opaque-1234567" not in str(verdict)


async def test_a_variable_without_a_value_of_development_is_made_up(try_start):
    verdict = await try_start({"settings.py": STRICT, "app.py": SERVES}, development="")
    assert verdict.status is PASS


async def test_the_app_runs_only_where_it_is_allowed(try_start, tmp_path):
    mark = tmp_path / "mark"
    verdict = await try_start({"settings.py": STRICT, "app.py": f"open({str(mark)!r}, 'w')\n"}, allow=())
    assert (verdict.status, verdict.needs) == (UNKNOWN, "authorization.allow: [build]")
    assert not mark.exists()


async def test_without_a_start_command_it_is_unknown(try_start):
    verdict = await try_start({"settings.py": STRICT}, start=())
    assert (verdict.status, verdict.needs) == (UNKNOWN, "repository.start")


async def test_a_gate_that_the_pipeline_runs_stands_for_the_app(try_start):
    files = {"settings.py": LENIENT, "app.py": SERVES, "scripts/validate_env.py": "NEEDED = ['API_KEY', 'MAIL_URL']\n"}
    assert (await try_start(files)).status is FAIL
    files[".github/workflows/deploy.yml"] = "steps:\n  - run: python3 scripts/validate_env.py\n"
    assert (await try_start(files)).status is PASS


async def test_what_is_no_matter_of_the_start_is_told_apart(try_start):
    files = {
        "settings.py": "import os\nURL = os.environ['VITE_URL']\nAPI_KEY = os.environ['API_KEY']\n",
        "scripts/fill.py": "import os\nos.environ['SEED_PASSWORD']\n",
        ".env": "REGION=eu\n",
        "region.py": "import os\nos.environ['REGION']\n",
        "app.py": SERVES,
    }
    verdict = await try_start(files, development="API_KEY=a\nVITE_URL=b\n")
    assert verdict.status is PASS
    assert "the one variable" in verdict.summary


async def test_an_app_that_needs_nothing_passes(try_start):
    verdict = await try_start({"app.py": SERVES})
    assert verdict.status is PASS
    assert "no variable" in verdict.summary


async def test_nothing_that_was_started_is_left(try_start):
    await try_start({"settings.py": STRICT, "app.py": SERVES})
    mine = psutil.Process().children(recursive=True)
    assert not [p for p in mine if p.status() != psutil.STATUS_ZOMBIE and "app.py" in " ".join(p.cmdline())]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_answer(outcome):
    verdict = validated.validated(StartEvidence((Start("", Outcome.STARTED),), (Start("KEY", outcome),)))
    wrong, unclear = (Outcome.STARTED,), (Outcome.UNCLEAR, Outcome.UNTRIED)
    assert verdict.status is (FAIL if outcome in wrong else UNKNOWN if outcome in unclear else PASS)


WORKING = Start("", Outcome.STARTED, "listens after 0.3 s")


def started(*outcomes, named=(), complete=WORKING, filled=()):
    starts = [Start(f"K{n}", outcome, named=n in named) for n, outcome in enumerate(outcomes)]
    return StartEvidence((WORKING, complete), tuple(starts), filled)


REFUSED, GATED, UNCLEAR = Outcome.REFUSED, Outcome.GATED, Outcome.UNCLEAR
BROKEN = Start("", UNCLEAR, "exited with 1")


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (started(REFUSED, named=[0]), "without the one variable that it needs, and says which"),
        (started(REFUSED, GATED, named=[0]), "without each of the 2 variables that it needs, and says which"),
        (started(REFUSED, REFUSED, GATED, named=[0]), "3 variables that it needs, and says which for 2 of 3"),
        (started(UNCLEAR), "without K0 the app neither listened nor ended"),
        (started(UNCLEAR, complete=BROKEN), "even with every variable: it exited with 1"),
        (started(UNCLEAR, complete=BROKEN, filled=["K0"]), "it exited with 1 (made-up values stood for K0)"),
    ],
    ids=["one", "two", "not all", "neither", "broken", "made up"],
)
def test_what_the_app_did_is_told(evidence, says):
    assert validated.validated(evidence).summary.endswith(says)


def test_variables_that_are_no_matter_of_the_start_are_counted():
    verdict = validated.validated(started(Outcome.BUILT_IN, Outcome.BESIDE, Outcome.GIVEN))
    assert verdict.evidence[0] == {"needed_at_start": 0, "needed_elsewhere": 3}
    assert [row["without"] for row in verdict.evidence[1:]] == ["K0", "K1", "K2"]


def test_a_build_that_cannot_be_had_does_not_hide_why():
    missing = Unavailable("no repository was given", "repository.path")
    assert validated.validated(missing).needs == "repository.path"
