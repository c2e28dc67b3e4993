"""What is said of taking a key out of force is the provider's own, for every provider that small apps use."""

import datetime as dt
import json
import re
import subprocess

import pytest
import yaml

from launchready_lib.checks.stabilize_deployment import secrets
from launchready_lib.parameters import load
from launchready_lib.paths import PACKAGE
from launchready_lib.sources import repository
from launchready_lib.sources.credentials import Standing, engine
from launchready_lib.sources.credentials.scan import bare, engine_hit, revocation
from tests.checkouts import new_checkout, noise

TABLE = yaml.safe_load((PACKAGE / "data" / "revocations.yaml").read_text(encoding="utf-8"))
STARTS = [start for part in ("public", "providers") for entry in TABLE[part].values() for start in entry["rules"]]


@pytest.fixture(scope="module")
def rules():
    """The names of the engine's own rules, of the version that is installed."""
    listed = subprocess.run(
        [engine.program(), "rules", "list", "--format", "json", "--quiet", "--no-update-check"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return [rule["id"] for rule in json.loads(listed.stdout)]


def test_the_table_is_dated_and_names_nothing_twice():
    assert isinstance(TABLE["as_of"], dt.date)
    assert len(set(STARTS)) == len(STARTS)
    for entry in TABLE["providers"].values():
        assert len(entry["steps"]) > 40
        assert re.search(
            r"(?i)revoke|delete|rotate|roll|regenerate|reset|refresh|disable|remove|expire|replace|change|invalidate",
            entry["steps"],
        )


@pytest.mark.parametrize("start", STARTS)
def test_every_entry_stands_for_rules_that_the_engine_has(rules, start):
    assert any(bare(rule).startswith(start) for rule in rules)


@pytest.mark.parametrize(
    ("rule", "provider", "says"),
    [
        ("betterleaks.aws-access-token", "AWS", "CloudTrail"),
        ("betterleaks.gcp-service-account", "Google Cloud", "Service accounts"),
        ("betterleaks.gcp-gemini-api", "Google (Gemini)", "aistudio"),
        ("betterleaks.github-fine-grained-pat", "GitHub", "Developer settings"),
        ("betterleaks.gitlab-pat", "GitLab", "rotate or revoke"),
        ("betterleaks.slack-bot-token", "Slack", "Revoke tokens"),
        ("kingfisher.secrets/slackappleveltoken", "Slack", "Revoke tokens"),
        ("betterleaks.stripe-access-token", "Stripe", "roll the key"),
        ("betterleaks.sendgrid-api-token", "SendGrid", "API keys"),
        ("betterleaks.twilio-api-key", "Twilio", "Twilio console"),
        ("betterleaks.openai-api-key", "OpenAI", "platform.openai.com"),
        ("betterleaks.anthropic-api-key", "Anthropic", "Anthropic console"),
        ("betterleaks.cloudflare-api-key", "Cloudflare", "roll the token"),
        ("betterleaks.digitalocean-pat", "DigitalOcean", "Tokens"),
        ("betterleaks.npm-access-token", "npm", "npmjs.com"),
        ("betterleaks.pypi-upload-token", "PyPI", "pypi.org"),
        ("betterleaks.heroku-api-key-v2", "Heroku", "regenerate"),
        ("betterleaks.discord-api-token", "Discord", "Reset token"),
        ("betterleaks.square-access-token", "Square", "squareup"),
        ("betterleaks.squarespace-access-token", "squarespace", "the account at squarespace"),
        ("betterleaks.resend-api-key.1", "Resend", "API Keys"),
        ("something.else", "else", "the account at else"),
        ("", "", "make a new one"),
    ],
)
def test_a_rule_leads_to_its_providers_own_words(rule, provider, says):
    told = revocation(rule)
    assert told.provider == provider
    assert says in told.steps


def test_what_the_engine_alone_finds_says_where_to_revoke_it():
    hit = engine_hit("dckr_pat_" + "a1B2" * 7, "deploy.sh", 3, "betterleaks.dockerhub-personal-access-token", sure=True)
    assert (hit.provider, hit.what) == ("Docker Hub", "dockerhub personal access token")
    assert "Personal access tokens" in hit.revoke


@pytest.mark.parametrize(
    ("rule", "standing"),
    [
        ("betterleaks.posthog-project-api-key.1", Standing.PUBLIC),
        ("betterleaks.posthog-personal-api-key", Standing.SECRET),
        ("betterleaks.new-relic-browser-api-token", Standing.PUBLIC),
        ("betterleaks.mailgun-private-api-token", Standing.SECRET),
        ("veles.secrets/circleciproject", Standing.SECRET),
        ("betterleaks.discord-client-id", Standing.POSSIBLE),
        ("betterleaks.algolia-api-key", Standing.POSSIBLE),
    ],
)
def test_what_is_made_to_be_seen_or_only_may_be_a_secret_never_stands_as_one(rule, standing):
    sure = engine._NO_SECRET.search(rule) is None
    assert engine_hit("Zq7" + "k9Wm" * 8, "src/a.ts", 1, rule, sure=sure).standing is standing


def test_a_key_of_the_browsers_analytics_is_no_leak(tmp_path):
    """PostHog's project key stands in every visitor's browser."""
    folder = new_checkout(tmp_path / "app")({"src/a.ts": f"posthog.init('phc_{noise(43)}')\n"})
    parameters = load({"name": "Acme", "domain": "acme.example", "release": "1.0"})
    found = secrets.read_tree(repository.open_at(folder), parameters)
    assert [c.standing for c in found.credentials] == [Standing.PUBLIC]
