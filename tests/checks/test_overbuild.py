"""overbuild.*: signs of building too early are found, and what any small app has is none."""

import json

import pytest

from launchready_lib import roadmap
from launchready_lib.checks import REGISTRY
from launchready_lib.checks.stabilize_deployment import overbuild
from launchready_lib.evidence import Unavailable
from launchready_lib.record.findings import Status
from launchready_lib.sources import repository
from launchready_lib.sources.overbuilding import CacheUse, Sign, topics
from tests.checkouts import new_checkout

FAIL, PASS, UNKNOWN = Status.FAIL, Status.PASS, Status.UNKNOWN


@pytest.fixture
def judged(tmp_path):
    """Judge one topic of a repository made of files."""
    commit = new_checkout(tmp_path / "app")

    def judge(topic, files, members=200, statements=None):
        repo = repository.open_at(commit({"README.md": "An app.\n", **files}))
        return REGISTRY[f"overbuild.{topic}"](overbuild.read_signs(repo, members, statements or {}))

    return judge


CACHING = "def read(n):\n    found = cache.get(f'x:{n}')\n    cache.set(f'x:{n}', found, 60)\n"
MANY = " ".join(f"JOIN t{n} ON t{n}.id = a.id" for n in range(6))


def compose(*services):
    return "services:\n" + "".join(f"  {name}:\n    build: ./{name}\n" for name in services)


def images(*names):
    return "services:\n" + "".join(f"  s{n}:\n    image: {name}:1.0\n" for n, name in enumerate(names))


SIGNS = {
    "Fly": ("regions", {"scripts/scale.sh": "fly scale count 4 --region ams,iad\n"}),
    "Vercel": ("regions", {"vercel.json": '{"regions": ["fra1", "iad1"]}'}),
    "Railway": ("regions", {"railway.json": '{"deploy": {"multiRegionConfig": {"a": {}, "b": {}}}}'}),
    "Render": ("regions", {"render.yaml": "services:\n- {name: a, region: oregon}\n- {name: b, region: frankfurt}\n"}),
    "Terraform": ("regions", {"a.tf": 'region = "eu-west-1"\n', "b.tf": 'region = "ap-south-1"\n'}),
    "a global database": ("regions", {"a.tf": 'resource "aws_rds_global_cluster" "x" {}\n'}),
    "caching": ("caching", {f"app/{n}.py": CACHING for n in "abcd"}),
    "Redis": ("caching", {f"src/{n}.ts": "await redis.get(`user:${id}`)\nredis.del(`u:${id}`)\n" for n in "abcd"}),
    "Rails": ("caching", {f"app/{n}.rb": "Rails.cache.fetch('x') { 1 }\nRails.cache.delete('x')\n" for n in "abcd"}),
    "Laravel": ("caching", {f"app/{n}.php": "<?php Cache::remember('x', 60, fn() => 1);\n" for n in "abcd"}),
    "compose": ("services", {"compose.yaml": compose("a", "b", "c", "d", "e")}),
    "Dockerfiles": ("services", {f"services/{n}/Dockerfile": "FROM scratch\n" for n in "abcde"}),
    "Kubernetes": (
        "services",
        {f"k8s/{n}.yaml": f"kind: Deployment\nmetadata:\n  name: {n}\n" for n in "abcde"},
    ),
    "Fly apps": ("services", {f"fly.{n}.toml": f'app = "acme-{n}"\n' for n in ("api", "web", "mail", "jobs", "auth")}),
    "Render services": (
        "services",
        {"render.yaml": "services:\n" + "".join(f"- name: {n}\n" for n in "abcde")},
    ),
    "a stack": ("observability", {"ops/stack.yml": images("prom/prometheus", "grafana/grafana", "grafana/loki")}),
    "a chart": ("observability", {"infra/main.tf": 'chart = "kube-prometheus-stack"\n'}),
    "Kibana": ("observability", {"docker-compose.yml": images("docker.elastic.co/kibana/kibana", "elastic/filebeat")}),
    "Kafka": ("queues", {"docker-compose.yml": images("confluentinc/cp-kafka")}),
    "RabbitMQ's library": ("queues", {"package.json": json.dumps({"dependencies": {"amqplib": "^0.10"}})}),
    "Kafka's library": ("queues", {"requirements.txt": "confluent-kafka==2.5\n"}),
    "a broker at AWS": ("queues", {"main.tf": 'resource "aws_mq_broker" "x" {}\n'}),
    "RabbitMQ in code": ("queues", {"app/jobs.py": "connect('amqp://broker:5672')\n"}),
    "SQL": ("schema", {"app/dashboard.py": f'Q = """SELECT * FROM a {MANY}"""\n'}),
    "SQLAlchemy": ("schema", {"app/page.py": "q = select(A)" + "".join(f".join(B{n})" for n in range(6)) + "\n"}),
    "TypeORM": ("schema", {"src/page.ts": "qb" + ".leftJoinAndSelect('a.b', 'b')" * 6 + ";\n"}),
}


@pytest.mark.parametrize(("topic", "files"), SIGNS.values(), ids=list(SIGNS))
def test_a_sign_is_found_with_what_to_do_and_when_it_pays(judged, topic, files):
    verdict = judged(topic, files)
    assert verdict.status is FAIL
    assert roadmap.load().checks[f"overbuild.{topic}"].fix in verdict.fix
    assert topics()[topic].pays in verdict.fix
    assert all(row["where"].partition(":")[0] in files for row in verdict.evidence if "where" in row)


FINE = {
    "one region": ("regions", {"fly.toml": 'primary_region = "ams"\n', "vercel.json": '{"regions": ["fra1"]}'}),
    "a region for the edge": (
        "regions",
        {"a.tf": 'region = "eu-west-1"\n', "b.tf": 'region = "us-east-1"\nresource "aws_acm_certificate" "x" {}\n'},
    ),
    "Fly, one region": ("regions", {"deploy.sh": "fly deploy --region ams\n"}),
    "one cache": ("caching", {"lib/cache.ts": "redis.get(`a`)\n", "a.ts": "cache.get('a')\n"}),
    "tables of their own": ("caching", {f"src/{n}.ts": "const cache = new Map(); cache.get(key)\n" for n in "abcdef"}),
    "sessions": ("caching", {f"sessions/{n}.py": "redis.get('s:1')\n" for n in "abcdef"}),
    "tests": ("caching", {f"tests/test_{n}.py": CACHING for n in "abcdef"}),
    "web and worker": ("services", {"compose.yaml": compose("web", "worker", "cron")}),
    "images of others": ("services", {"compose.yaml": images("postgres", "redis", "mailhog", "minio", "nginx")}),
    "stages of one app": ("services", {f"fly.{n}.toml": f'app = "x-{n}"\n' for n in ("staging", "production", "test")}),
    "one monitor": ("observability", {"compose.yaml": images("twinproduction/gatus", "louislam/uptime-kuma")}),
    "Prometheus alone": ("observability", {"compose.yaml": images("prom/prometheus")}),
    "for development": ("observability", {"docker-compose.dev.yml": images("prom/prometheus", "grafana/grafana")}),
    "jobs in the database": ("queues", {"package.json": json.dumps({"dependencies": {"pg-boss": "9", "bullmq": "5"}})}),
    "Kafka for development": ("queues", {"dev/compose.yaml": images("apache/kafka")}),
    "a word": ("queues", {"app/books.py": "TITLE = 'Kafka on the Shore'\n", "requirements.txt": "flask # not pika\n"}),
    "few joins": ("schema", {"app/a.py": f"Q = 'SELECT 1 FROM a {MANY.rsplit('JOIN', 1)[0]}'\n"}),
    "two statements": ("schema", {"app/a.sql": f"SELECT 1 FROM a {MANY[:80]};\nSELECT 2 FROM b {MANY[:80]};\n"}),
    "a report": ("schema", {"reports/year.sql": f"SELECT 1 FROM a {MANY}\n"}),
    "joined texts": (
        "schema",
        {"app/a.js": "select(x); " + "a.join(', ') + " * 9 + "''\n", "b.py": "x = ', '.join(A)\n" * 9},
    ),
}


@pytest.mark.parametrize(("topic", "files"), FINE.values(), ids=list(FINE))
def test_what_a_small_app_has_is_no_sign(judged, topic, files):
    assert judged(topic, files).status is PASS


@pytest.mark.parametrize("topic", sorted(topics()))
def test_with_members_enough_it_may_pay(judged, topic):
    files = next(files for name, files in SIGNS.values() if name == topic)
    verdict = judged(topic, files, members=10_000_000)
    assert verdict.status is PASS
    assert "may well pay" in verdict.summary
    assert judged(topic, files, members=None).status is FAIL


def found(topic, *names, members=200):
    signs = tuple(Sign(name, f"infra/{n}.yml:3") for n, name in enumerate(names))
    return overbuild.OverbuildEvidence(9, members, {topic: signs})


def cached(files, *, clears=False):
    uses = tuple(CacheUse(f"app/{n}.py", 7, 2, clears) for n in range(files))
    return overbuild.OverbuildEvidence(9, 200, caching=uses)


@pytest.mark.parametrize(
    ("topic", "evidence", "status", "says"),
    [
        ("regions", found("regions", *"abcdef"), FAIL, "spans several regions: a, b, c, d and 2 more"),
        ("regions", found("regions", "a", members=49_999), FAIL, "several regions: a"),
        ("regions", found("regions", "a", members=50_000), PASS, "a: with 50,000 members it may well pay"),
        ("regions", found("regions"), PASS, "Nothing is set up"),
        ("schema", found("schema", "6 joins", "7 joins"), FAIL, "6 joins, 7 joins (infra/0.yml:3)"),
        ("schema", found("schema"), PASS, "No statement in code"),
        ("observability", found("observability"), PASS, "No monitoring stack is run by the team itself"),
        ("observability", found("observability", "Loki", "Loki"), PASS, "Of a monitoring stack only Loki is run"),
        ("observability", found("observability", "Loki and Grafana"), FAIL, "stack of 1 parts"),
        ("observability", found("observability", "Loki", "Grafana"), FAIL, "stack of 2 parts"),
        ("services", found("services"), PASS, "No more than one part is deployed"),
        ("services", found("services", "a"), PASS, "1 part is built"),
        ("services", found("services", *"abcd"), PASS, "4 parts are built"),
        ("services", found("services", *"abcde"), FAIL, "5 parts are built and deployed for themselves"),
        ("caching", cached(0), PASS, "No file caches by hand"),
        ("caching", cached(1), PASS, "1 file caches by hand"),
        ("caching", cached(2), PASS, "2 files cache by hand"),
        ("caching", cached(3), PASS, "3 files cache by hand"),
        ("caching", cached(4), FAIL, "8 calls of a cache by hand in 4 files, of which 0 clear it"),
        ("caching", cached(4, clears=True), FAIL, "of which 4 clear it"),
    ],
)
def test_how_much_of_a_sign_is_too_much(topic, evidence, status, says):
    verdict = REGISTRY[f"overbuild.{topic}"](evidence)
    assert verdict.status is status
    assert says in verdict.summary
    assert all(":" not in place for place in verdict.about)
    assert bool(verdict.about) is (status is FAIL)


def test_a_file_that_caches_says_whether_it_clears():
    shown = [overbuild.caching(cached(4, clears=clears)).evidence[0]["sign"] for clears in (False, True)]
    assert shown == ["2 calls of a cache", "2 calls of a cache, with clearing"]


def test_a_statement_of_the_query_log_counts(tmp_path, judged):
    log = tmp_path / "queries.log"
    log.write_text(json.dumps({"ms": 9, "sql": f"select 1 from a {MANY}"}) + "\n" + "join " * 9 + "\n\0\n")
    verdict = judged("schema", {}, statements=overbuild._logged(log, "queries.log"))
    assert verdict.status is FAIL
    assert verdict.evidence[0]["where"] == "queries.log:1"


HOSTILE = [
    "JOIN t " * 40_000,
    ".leftJoin(';" * 20_000,
    "select " * 40_000,
    "a: &a [x]\n" + "b: [*a, *a]\n" * 99,
    "[" * 90_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=["joins", "chains", "selects", "aliases", "nested"])
def test_hostile_files_cost_no_time_and_break_nothing(judged, text):
    names = ("a.py", "compose.yaml", "render.yaml", "vercel.json", "package.json", "main.tf", "fly.toml", "go.mod")
    for topic in topics():
        assert judged(topic, dict.fromkeys(names, text)).status in (PASS, FAIL)


def test_what_was_not_read_is_unknown_and_no_pass():
    cut = Unavailable("reading took over 60 s", "a second try")
    evidence = overbuild.OverbuildEvidence(9, cuts=(cut,))
    assert all(REGISTRY[f"overbuild.{topic}"](evidence).status is UNKNOWN for topic in topics())


def test_no_repository_is_unknown_and_names_the_parameter():
    assert overbuild.schema(Unavailable("no repository was given", "repository.path")).needs == "repository.path"
