"""What Harbor Club is called and where it lives: the published names and addresses of the embedded client.

Every address is a documentation range's (RFC 5737) or a provider's published one; `network.connect_to` of the generated
parameters maps each to a loopback port.
"""

from __future__ import annotations

SLUG = "harbor-club"
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
PAGES = {
    "home": "/",
    "login": "/login",
    "signup": "/signup",
    "dashboard": "/dashboard",
    "checkout": "/checkout",
    "reset": "/forgot",
}
"""What members need, as the parameters file and the uptime monitor have it."""

EDGE_NETWORK = "203.0.113.128/25"
EDGE_ADDRESS = "203.0.113.130"
ORIGIN_ADDRESS = "203.0.113.10"
FORMER = f"old.{DOMAIN}"
FORMER_ADDRESS = "203.0.113.11"
"""Where the site before this one still runs, while a fault says so; the parameters do not declare it."""

NAMESERVERS = {f"ns1.{DOMAIN}": "198.51.100.53", f"ns2.{DOMAIN}": "198.51.100.54"}
TLD = "example"
TLD_SERVER = ("ns1.nic.example", "192.0.2.53")
ROOT_SERVER = ("a.root-servers.example", "192.0.2.1")
OUTSIDE_SERVER = ("ns1.outside.example", "192.0.2.99")
"""Answers for the rest of the world: the e-mail provider, the tunnel and the hosting providers that faults point to."""

MAIL_HOST = f"mail.{DOMAIN}"
MAIL_ADDRESS = "203.0.113.25"
LOST_MAIL_HOST = f"mail2.{DOMAIN}"
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
