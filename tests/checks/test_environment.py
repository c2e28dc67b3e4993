"""environment.missing and separation.separated: gaps, blanks, and secrets that two environments share."""

import pytest

from launchready_lib.checks.quick_audit import environment
from launchready_lib.checks.quick_audit.environment import EnvironmentEvidence
from launchready_lib.checks.stabilize_deployment import environment as separation
from launchready_lib.evidence import Unavailable
from launchready_lib.parameters import load
from launchready_lib.record.findings import Status
from launchready_lib.sources import environments, repository
from launchready_lib.sources.variables import Need, Read, Setting
from tests.checkouts import new_checkout, noise

NEEDED = {"STRIPE_KEY": (Read("STRIPE_KEY", "src/pay.ts", 3, Need.ASKED),)}


def setting(name="STRIPE_KEY", where="production", **more):
    return Setting(name, where, f".env.{where}", **more)


def evidence(*settings, needed=NEEDED, code_files=4, **more):
    named = tuple(dict.fromkeys(each.environment for each in settings))
    return EnvironmentEvidence(
        needed=needed, read=frozenset(needed), code_files=code_files, settings=settings, environments=named, **more
    )


@pytest.mark.parametrize(
    ("given", "status", "says"),
    [
        (evidence(setting(digest="a")), Status.PASS, "all 1 variables"),
        (evidence(setting("OTHER", digest="a")), Status.FAIL, "STRIPE_KEY is read without a default and not defined"),
        (evidence(setting(blank=True)), Status.FAIL, "STRIPE_KEY is blank or still a placeholder"),
        (evidence(setting(placeholder=True)), Status.FAIL, "blank or still a placeholder"),
        (evidence(setting(known=False)), Status.UNKNOWN, "only the names are known"),
        (evidence(setting(known=False), setting("OTHER", blank=True)), Status.UNKNOWN, "only the names"),
        (evidence(setting(known=False), setting(digest="a")), Status.PASS, "all 1"),
        (evidence(), Status.UNKNOWN, "nobody said what production defines"),
        (evidence(setting(where="staging", digest="a")), Status.UNKNOWN, "nobody said"),
        (
            evidence(unread=(Unavailable("the file .env is not there", "repository.env_files.production"),)),
            Status.UNKNOWN,
            "is not there",
        ),
        (evidence(needed={}), Status.PASS, "None of 4 code files"),
        (
            evidence(setting(digest="a"), cuts=(Unavailable("took over 60 s", "a second try"),)),
            Status.UNKNOWN,
            "took over",
        ),
        (evidence(code_files=0), Status.UNKNOWN, "no code in a language"),
    ],
)
def test_missing_is_judged_by_both_halves(given, status, says):
    verdict = environment.missing(given)
    assert verdict.status is status
    assert says in verdict.summary


def test_what_the_hosts_own_configuration_defines_is_enough():
    found = EnvironmentEvidence(
        NEEDED, code_files=1, settings=(Setting("STRIPE_KEY", "production", "render.yaml", digest="a"),)
    )
    assert environment.missing(found).status is Status.PASS


BOTH = (setting(digest="a", is_secret=True), setting(where="staging", digest="b", is_secret=True))


@pytest.mark.parametrize(
    ("settings", "status", "says"),
    [
        (BOTH, Status.PASS, "share no secret"),
        (
            (*BOTH, setting("X", digest="c", is_secret=True), setting("Y", "staging", digest="c", is_secret=True)),
            Status.FAIL,
            "X, Y: production and staging share one secret",
        ),
        ((*BOTH, setting("X", digest="c"), setting("X", "staging", digest="c")), Status.PASS, ""),
        (
            (*BOTH, setting("X", digest="c", is_secret=True), setting("X", "development", digest="c", is_secret=True)),
            Status.FAIL,
            "a production secret sits in a development file",
        ),
        (
            (*BOTH, setting("X", digest="c", is_secret=True), setting("X", "example", digest="c", is_secret=True)),
            Status.FAIL,
            "a production secret sits in an example file",
        ),
        (
            (*BOTH, setting("D", digest="1", database="d"), setting("D", "staging", digest="2", database="d")),
            Status.FAIL,
            "share one database",
        ),
        ((setting("X", "development", digest="c", is_live=True),), Status.FAIL, "a live key sits in development"),
        ((setting("X", "CI", digest="c", is_live=True),), Status.FAIL, "a live key sits in CI"),
        (
            (*BOTH, setting("X", digest="c", is_secret=True), setting("X", "CI", digest="c", is_secret=True)),
            Status.FAIL,
            "a production secret sits in a CI file",
        ),
        (
            (
                *BOTH,
                *(setting("X", s, digest="c", is_secret=True) for s in ("development", "example", "CI", "compose")),
            ),
            Status.PASS,
            "",
        ),
        (
            (setting(digest="a", is_secret=True), setting(where="CI", digest="b"), setting(where="compose")),
            Status.UNKNOWN,
            "only production was given",
        ),
        ((setting(digest="a", is_secret=True),), Status.UNKNOWN, "only production was given"),
        ((setting(known=False), setting(where="staging", digest="b")), Status.UNKNOWN, "only staging was given"),
        ((), Status.UNKNOWN, "no environment was given"),
    ],
)
def test_separated_fails_only_for_what_is_shared(settings, status, says):
    verdict = separation.separated(evidence(*settings))
    assert verdict.status is status
    assert says in verdict.summary


def test_what_could_not_be_read_leaves_the_separation_open():
    gaps = (Unavailable("no file", "repository.env_files.qa"), Unavailable("none", "repository.production_variables"))
    assert separation.separated(evidence(*BOTH, unread=gaps[1:])).status is Status.PASS
    verdict = separation.separated(evidence(*BOTH, unread=gaps))
    assert (verdict.status, verdict.needs) == (Status.UNKNOWN, "repository.env_files.qa")
    assert separation.separated(evidence(BOTH[0], unread=gaps[::-1])).reason == "no file"
    assert separation.separated(evidence(BOTH[0], unread=gaps[1:])).reason == "only production was given with values"


def test_environments_that_share_nothing_are_listed_with_their_secrets():
    verdict = separation.separated(evidence(*BOTH, setting("PORT", digest="c")))
    assert [tuple(row.values()) for row in verdict.evidence] == [("production", 2, 1, 0), ("staging", 1, 1, 0)]


def test_without_a_repository_both_are_unknown():
    absent = Unavailable("no repository was given", "repository.path")
    for judge in (environment.missing, separation.separated):
        assert (judge(absent).status, judge(absent).needs) == (Status.UNKNOWN, "repository.path")


LIVE = "sk_live_" + noise(99)
CODE = "new Stripe(process.env.STRIPE_SECRET_KEY); connect(process.env.DATABASE_URL); const p = process.env.PORT"


@pytest.fixture
def surveyed(tmp_path):
    """Read a repository of tracked files and files on disk."""

    def survey(tracked, on_disk, **asked):
        folder = new_checkout(tmp_path / "app")({"src/a.ts": CODE, **tracked})
        for name, text in on_disk.items():
            (folder / name).write_text(text)
        content = {"name": "Acme", "domain": "acme.example", "release": "1", "repository": {"path": "app", **asked}}
        return environments.read_environments(repository.open_at(folder), load(content))

    return survey


PROD = f"STRIPE_SECRET_KEY={LIVE}\nDATABASE_URL=postgres://app:{noise(16)}@db.acme.example/app\n"
STAGING = f"STRIPE_SECRET_KEY=sk_test_{noise(99)}\nDATABASE_URL=postgres://app:{noise(17)}@db.acme.example/staging\n"
FILES = {"production": ".env.production", "staging": ".env.staging"}


def test_healthy_environments_pass_both(surveyed):
    found = surveyed(
        {".env.example": "STRIPE_SECRET_KEY=sk_test_xxxxxxxx\nDATABASE_URL=postgres://app:app@localhost/app\n"},
        {".env.production": PROD, ".env.staging": STAGING},
        env_files=FILES,
    )
    assert environment.missing(found).status is Status.PASS
    assert separation.separated(found).status is Status.PASS
    frame = found.frame()
    assert list(frame["variable"]) == ["DATABASE_URL", "STRIPE_SECRET_KEY"]
    assert list(frame["production"]) == ["set", "set"]


def test_the_matrix_tells_what_is_shared_hollow_missing_or_seen_by_browsers(surveyed):
    extra = f"NEXT_PUBLIC_URL=https://acme.example/\nVITE_ADMIN_KEY={LIVE}\nMAIL_KEY=changeme\nEMPTY=\n"
    found = surveyed(
        {
            "src/b.ts": "process.env.NEEDED_KEY",
            ".github/workflows/ci.yml": "env: {STRIPE_SECRET_KEY: '${{ secrets.S }}'}",
        },
        {".env.production": PROD + extra, ".env.staging": PROD.replace(LIVE, noise(40))},
        env_files=FILES,
    )
    rows = {row["variable"]: row for row in found.frame().to_dict("records")}
    assert rows["DATABASE_URL"]["production"] == "set, shared with staging"
    assert rows["DATABASE_URL"]["staging"] == "set, shared with production"
    assert [rows["STRIPE_SECRET_KEY"][e] for e in ("production", "staging", "CI")] == ["set", "set", "set (name only)"]
    assert [rows[name]["production"] for name in ("MAIL_KEY", "EMPTY", "NEEDED_KEY")] == [
        "placeholder",
        "blank",
        "missing",
    ]
    assert [rows[name]["in browsers"] for name in ("NEXT_PUBLIC_URL", "VITE_ADMIN_KEY", "EMPTY")] == [
        "yes",
        "yes, a secret",
        "",
    ]


def test_no_value_gets_into_evidence_or_verdict(surveyed):
    found = surveyed({".env": PROD}, {".env.production": PROD, ".env.staging": PROD}, env_files=FILES)
    shown = repr(found) + repr(environment.missing(found)) + repr(separation.separated(found)) + found.frame().to_csv()
    assert LIVE[8:] not in shown
    assert noise(16) not in shown


def test_shared_keys_and_databases_of_real_files_are_seen(surveyed):
    same_database = STAGING.replace("/staging", "/app")
    found = surveyed({}, {".env.production": PROD, ".env.staging": same_database}, env_files=FILES)
    verdict = separation.separated(found)
    assert verdict.status is Status.FAIL
    assert verdict.about == ("DATABASE_URL",)


def test_a_test_mode_key_may_serve_two_environments(surveyed):
    files = {"development": ".env.dev", "staging": ".env.staging", "production": ".env.production"}
    test_key = f"STRIPE_SECRET_KEY=sk_test_{noise(99)}\n"
    found = surveyed({}, {".env.dev": test_key, ".env.staging": test_key, ".env.production": PROD}, env_files=files)
    assert separation.separated(found).status is Status.PASS


def test_a_file_that_the_parameters_name_is_not_its_own_copy(surveyed):
    found = surveyed(
        {".env": PROD}, {".env.staging": STAGING}, env_files={"production": ".env", "staging": ".env.staging"}
    )
    assert separation.separated(found).status is Status.PASS


def test_names_alone_leave_the_second_half_unknown(surveyed):
    found = surveyed({}, {"names.txt": "STRIPE_SECRET_KEY\nDATABASE_URL\n"}, production_variables="names.txt")
    verdict = environment.missing(found)
    assert verdict.status is Status.UNKNOWN
    assert "env_files.production" in verdict.needs
    one_name = EnvironmentEvidence(found.needed, found.read, 1, found.settings[:1], ("production",))
    assert environment.missing(one_name).about == ("DATABASE_URL",)


def test_files_out_of_the_repository_are_refused(surveyed, tmp_path):
    (tmp_path / "outside").write_text("STRIPE_SECRET_KEY=x\n")
    found = surveyed({}, {}, env_files={"production": "../outside"})
    assert found.settings == ()
    verdict = environment.missing(found)
    assert "leads out of the repository" in verdict.reason


def test_tests_examples_and_dependencies_ask_for_nothing(surveyed):
    aside = {
        "tests/a.test.ts": "use(process.env.TEST_ONLY)",
        "node_modules/x/index.js": "use(process.env.FOREIGN)",
        "docs/a.js": "use(process.env.DOCUMENTED)",
    }
    assert set(surveyed(aside, {}).needed) == {"STRIPE_SECRET_KEY", "DATABASE_URL"}
