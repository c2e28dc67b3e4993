"""The sections under `client`, one class each; fields are named as in parameters/example.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from launchready_lib.parameters import hosts as net
from launchready_lib.parameters.fields import (
    Bool,
    Command,
    Date,
    Line,
    PastDate,
    Prose,
    SecretText,
    Section,
    Slug,
    number,
    text,
    whole,
    wrong,
)

Measure = Literal["login", "load", "rate_limit", "flows", "mail", "build", "drills"]
"""What is measured only where `authorization.allow` names it."""

Path = Line
"""A path as written; relative ones start at the project's root, those under `repository` at `repository.path`."""


class Consultant(Section):
    """Who made the audit, as the report shows it."""

    name: Line
    logo: Path | None = None
    closing: Prose | None = None


class Business(Section):
    """What the report reckons costs with."""

    members: Annotated[int, whole(0, 10**9)] | None = None
    price_month: Annotated[float, number(0, 10**9)] | None = None
    currency: Line | None = None
    launch_on: Date | None = None


class Authorization(Section):
    """Who said yes, when, to what."""

    granted_by: Line
    granted_on: PastDate
    hosts: list[net.HostPattern] = Field(min_length=1)
    allow: list[Measure] = Field(default_factory=list)


class Limits(Section):
    """Bounds of a run."""

    stage_minutes: Annotated[float, number(0.1, 24 * 60)] = 10.0


class Network(Section):
    """How the network is reached."""

    nameservers: list[net.Nameserver] = Field(default_factory=list)
    dnssec_anchor: Path | None = None
    connect_to: dict[net.ConnectFrom, net.HostPort] = Field(default_factory=dict)
    ca_file: Path | None = None
    headers: dict[net.HeaderName, SecretText] = Field(default_factory=dict)
    rdap_url: net.Url | None = None
    timeout_s: Annotated[float, number(0.1, 300)] = 10.0
    requests_per_second: Annotated[float, number(0.1, 1000)] = 10.0
    max_body_mb: Annotated[float, number(0.01, 200)] = 10.0


class Subdomain(Section):
    """One declared subdomain and what it should answer."""

    host: net.Host
    expect: Literal["app", "redirect", "api", "static"]
    restricted: Bool = False


class Site(Section):
    """The site's addresses and pages."""

    canonical: net.Origin | None = None
    pages: dict[Line, net.UrlOrPath] = Field(default_factory=dict)
    core_reads: dict[Line, net.UrlOrPath] = Field(default_factory=dict)
    health: net.UrlOrPath | None = None
    release_url: net.UrlOrPath | None = None
    subdomains: dict[Line, Subdomain] = Field(default_factory=dict)
    third_parties: list[net.NamedHostPattern] = Field(default_factory=list)


class Hosting(Section):
    """What the founder believes about the hosting."""

    provider: Line | None = None
    edge: Literal["cloudflare", "fastly", "vercel", "netlify", "cloudfront", "bunny", "none"] | None = None
    edge_networks: list[net.NetworkRange] = Field(default_factory=list)
    origins: list[net.Address] = Field(default_factory=list)
    database: Line | None = None
    zone_file: Path | None = None


class Imap(Section):
    """A mailbox over IMAP."""

    host: net.Host
    user: Line
    password: SecretText


class Inbox(Section):
    """Where test messages arrive: exactly one of the three."""

    maildir: Path | None = None
    imap: Imap | None = None
    mailpit: net.Url | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Inbox:
        if sum(kind is not None for kind in (self.maildir, self.imap, self.mailpit)) != 1:
            raise wrong("expected exactly one of maildir, imap, mailpit")
        return self


class Mail(Section):
    """The transactional e-mail."""

    from_domains: list[net.Domain] = Field(default_factory=list)
    dkim_selectors: dict[net.Domain, list[net.Host]] = Field(default_factory=dict)
    senders: list[net.Address] = Field(default_factory=list)
    providers: list[Line] = Field(default_factory=list)
    inbox: Inbox | None = None


class Account(Section):
    """A test account."""

    email: net.Email
    password: SecretText


class Accounts(Section):
    """The test accounts, never real members'."""

    member: Account | None = None
    admin: Account | None = None
    count: Annotated[int, whole(0, 10**9)] | None = None
    new_email: net.EmailPattern | None = None


class Load(Section):
    """How hard the load measurements push."""

    rate: Annotated[float, number(0.1, 1000)] = 5.0
    samples: Annotated[int, whole(1, 100_000)] = 100
    spike_members: Annotated[int, whole(1, 10_000)] = 30
    spike_seconds: Annotated[float, number(1, 3600)] = 10.0
    accounts: Path | None = None


class WebhookEvents(Section):
    """Captured test events, signed afresh and sent."""

    activate: Path | None = None
    cancel: Path | None = None


class WebhookState(Section):
    """Where the member's state shows, and which values mean what."""

    url: net.UrlOrPath
    as_: Literal["admin", "member"] = Field(default="admin", alias="as")
    field: Line
    active: Line
    inactive: Line
    counter: Line | None = None


class BillingWebhook(Section):
    """The billing provider's webhook, in test mode."""

    url: net.UrlOrPath
    provider: Literal["stripe", "standard", "hmac"]
    secret: SecretText | None = None
    events: WebhookEvents = Field(default_factory=WebhookEvents)
    state: WebhookState | None = None


class Webhooks(Section):
    """Webhooks that the app receives."""

    billing: BillingWebhook | None = None


def _fingerprint(value: str) -> str:
    if not (8 <= len(value) <= 64 and set(value) <= set("0123456789abcdef")):
        raise wrong("expected a fingerprint from a report: 8 to 64 characters of 0-9 and a-f")
    return value


class KnownSecret(Section):
    """What is known of a secret that an earlier report found."""

    fingerprint: Annotated[str, text(_fingerprint)]
    verdict: Literal["rotated", "false_alarm"]
    reason: Prose
    by: Line | None = None
    date: PastDate | None = None


class Repository(Section):
    """The client's source code."""

    path: Path | None = None
    branch: Line | None = None
    build: list[Command] = Field(default_factory=list)
    start: list[Command] = Field(default_factory=list)
    env_files: dict[Slug, Path] = Field(default_factory=dict)
    production_variables: Path | None = None
    chat_exports: list[Path] = Field(default_factory=list)
    known_secrets: list[KnownSecret] = Field(default_factory=list)


class Database(Section):
    """How query statistics are read."""

    url: SecretText | None = None
    statements: Path | None = None


class Triage(Section):
    """A language model's opinion on log patterns."""

    model_url: net.Url
    model: Line
    api_key: SecretText | None = None
    minimum_lines: Annotated[int, whole(0, 10**9)] = 5000


class Alert(Section):
    """Where alerts go."""

    to: Line
    kind: Line
    readers: Annotated[int, whole(0, 10**6)] | None = None
    for_: list[Line] = Field(default_factory=list, alias="for")


class TestAlert(Section):
    """A test alert: the command that sends one, the file that says when somebody read it."""

    __test__ = False  # pytest takes every Test… class for tests

    command: list[Command] = Field(default_factory=list)
    acknowledged: Path | None = None


class Monitoring(Section):
    """Monitors, alerts, error tracking."""

    configuration: Path | None = None
    alerts: list[Alert] = Field(default_factory=list)
    delivery_minutes: Annotated[float, number(0, 24 * 60)] | None = None
    error_tracker: Line | None = None
    sample_event: Path | None = None
    test_alert: TestAlert | None = None


class Deploy(Section):
    """How releases reach production; `release` None means the run's own `client.release`."""

    pipeline: Path | None = None
    deploy_command: list[Command] = Field(default_factory=list)
    rollback_command: list[Command] = Field(default_factory=list)
    release: Line | None = None
    previous_release: Line | None = None


class AccessEntry(Section):
    """Who can reach one system."""

    provider: Line | None = None
    owner: Line | None = None
    second: Line | None = None
    two_factor: Bool | None = None


class RegistrarAccess(AccessEntry):
    """Who can reach the registrar, and whether the domain renews by itself."""

    auto_renew: Bool | None = None


class Access(Section):
    """Who can reach what."""

    registrar: RegistrarAccess | None = None
    cloudflare: AccessEntry | None = None
    hosting: AccessEntry | None = None
    email_provider: AccessEntry | None = None
    database: AccessEntry | None = None
    analytics: AccessEntry | None = None
    monitoring: AccessEntry | None = None


class InventoryEntry(Section):
    """One secret that the app uses, by name."""

    name: Line
    owner: Line | None = None
    stored_in: Line | None = None
    rotated_on: PastDate | None = None
    steps: Prose | None = None


class Attestation(Section):
    """What a person vouches for."""

    answer: Bool
    by: Line
    date: PastDate
    evidence: Prose | None = None
