"""What Harbor Club is called and where it lives: the published names and addresses of the embedded client.

Every address is from a documentation range (RFC 5737) or a provider's published network, so nothing outside this
machine is ever meant; `network.connect_to` of the generated parameters maps each to a loopback port.

How the parts fit (the web part is `launchready_lib.demo.web`):

    async def start(switchboard: Switchboard, folder: Path, tls: CertificateAuthority, *, release: str,
                    environment: Mapping[str, str], smtp: tuple[str, int]) -> Web

`tls.context(hosts) -> ssl.SSLContext` serves one certificate for all these hosts and swaps it where a fault says so, by
SNI; it may be called for the edge and for the origin. `environment` holds the values of `VARIABLES`. `Web.ports` has
edge_http, edge_https, origin_http, origin_https; `await Web.stop()` closes them all; `Web.parameters()` gives the
sections of the parameters file that the web part knows (site, accounts, flows, webhooks, repository, database,
query_log, queries, logs, deploy, runbook) as they are with the faults now on, each replacing the whole section that
`demo.parameters` wrote; it is asked again after every switch.
"""

from __future__ import annotations

DOMAIN = "harborclub.example"
WWW = f"www.{DOMAIN}"
APP = f"app.{DOMAIN}"
ADMIN = f"admin.{DOMAIN}"
API = f"api.{DOMAIN}"
WEB_HOSTS = (DOMAIN, WWW, APP, ADMIN, API)
POLICY_HOST = f"mta-sts.{DOMAIN}"
"""Where senders of mail read what encryption the club asks for (RFC 8461); no member ever types it."""
EDGE_HOSTS = (*WEB_HOSTS, POLICY_HOST)
CANONICAL = f"https://{DOMAIN}"

EDGE_NETWORK = "203.0.113.128/25"
EDGE_ADDRESS = "203.0.113.130"
EDGE_PROVIDER = "cloudflare"
ORIGIN_ADDRESS = "203.0.113.10"
FORMER = f"old.{DOMAIN}"
FORMER_ADDRESS = "203.0.113.11"
"""Where the site before this one still runs, while a fault says so; the parameters do not declare it."""
HOSTING_PROVIDER = "fly"

NAMESERVERS = {f"ns1.{DOMAIN}": "198.51.100.53", f"ns2.{DOMAIN}": "198.51.100.54"}
TLD = "example"
TLD_SERVER = ("ns1.nic.example", "192.0.2.53")
ROOT_SERVER = ("a.root-servers.example", "192.0.2.1")
OUTSIDE_SERVER = ("ns1.outside.example", "192.0.2.99")
"""Answers for the rest of the world: the e-mail provider, the tunnel and the hosting providers that faults point to."""

MAIL_HOST = f"mail.{DOMAIN}"
MAIL_ADDRESS = "203.0.113.25"
LOST_MAIL_HOST = f"mail2.{DOMAIN}"
MAIL_PROVIDER = "postlane"
MAIL_PROVIDER_DOMAIN = "postlane.example"
SPF_INCLUDE = f"spf.{MAIL_PROVIDER_DOMAIN}"
SENDER_NETWORK = "198.51.100.64/28"
SENDER_ADDRESS = "198.51.100.70"
SENDER_HOST = f"out.{MAIL_PROVIDER_DOMAIN}"
DKIM_SELECTORS = ("s1", "s2")

REGISTRAR = "Harborside Names, Inc."
RDAP_HOST = "rdap.nic.example"
RDAP_ADDRESS = "192.0.2.80"
RDAP_URL = f"https://{RDAP_HOST}/"

CA_NAME = "Harbor Club Test CA"
CA_DOMAIN = "ca.nic.example"
"""The issuer that the CAA record names."""
OTHER_CA_DOMAIN = "formerca.example"
"""An issuer that the founder left, which a fault still names."""

TUNNEL_NAME = "quiet-harbor-lantern.trycloudflare.com"
TUNNEL_ADDRESS = "104.16.230.132"
"""In the networks that Cloudflare publishes, so that a tunnel is recognised by its name alone."""
UNCLAIMED_NAME = "harborclub-blog.azurewebsites.net"
UNCLAIMED_HOST = f"blog.{DOMAIN}"

MEMBER_EMAIL = f"test-member@{DOMAIN}"
ADMIN_EMAIL = f"test-admin@{DOMAIN}"

MEMBER_PASSWORD = "HARBOR_MEMBER_PASSWORD"  # noqa: S105 - the variable's name, not a password
ADMIN_PASSWORD = "HARBOR_ADMIN_PASSWORD"  # noqa: S105 - the variable's name, not a password
WEBHOOK_SECRET = "HARBOR_STRIPE_WEBHOOK_SECRET"  # noqa: S105 - the variable's name, not a secret
DATABASE_URL = "HARBOR_DATABASE_URL"
VARIABLES = (MEMBER_PASSWORD, ADMIN_PASSWORD, WEBHOOK_SECRET, DATABASE_URL)
"""Environment variables that the parameters file names; their values are made anew for each world."""

DATABASE_FILE = "harbor.db"
"""Where in the world's folder the app keeps its SQLite database; `DATABASE_URL` points to it."""

LAUNCH = "launch"
PROTOTYPE = "prototype"
