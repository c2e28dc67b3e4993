"""The file that `launchready new acme.example` writes: valid as it is, the optional explained and commented out."""

from __future__ import annotations

import datetime as dt
import json
import re

from pydantic_core import PydanticCustomError

from launchready_lib.parameters.hosts import domain_name
from launchready_lib.parameters.problems import ParametersError, Problem

_TEMPLATE = """\
# Launch Ready: what the audit may know of @DOMAIN@, and what it may do.
#
#   launchready check-parameters FILE     says what is wrong with this file
#   launchready run FILE                  runs the seven stages and writes the report
#
# Only name, domain and release are needed. Each section below that loses its "# " makes more of the audit measured
# instead of unknown. Quote text that looks like a number, a date or yes/no. Paths start at the project's root. Secrets
# are never written here: ${NAME} names a variable of the environment, or of the file .env in the project's root.
client:
  name: @NAME@
  slug: @SLUG@
  domain: @DOMAIN@
  release: @RELEASE@              # names this run; the next run needs a new one

  # Without this, nothing but published DNS and registration data is read.
  # authorization:
  #   granted_by: "the founder"
  #   granted_on: @TODAY@
  #   hosts: ["@DOMAIN@", "*.@DOMAIN@"]    # what is audited; *.x is any depth, not x itself
  #   allow: []                  # active measures: login, load, rate_limit, flows, mail, build, drills

  # Pages, redirects, headers, speed: where the site lives and what members read most.
  # site:
  #   canonical: "https://@DOMAIN@"
  #   pages: {home: /, login: /login, signup: /signup, dashboard: /dashboard, checkout: /checkout, reset: /forgot}
  #   core_reads: {dashboard: /api/dashboard, profile: /api/me}
  #   health: /healthz           # uptime and rollback are checked with it
  #   release_url: /version      # which release production serves
  #   third_parties: []          # scripts that are needed on purpose, such as js.stripe.com
  #   subdomains:                # expect: app, redirect, api or static
  #     app: {host: "app.@DOMAIN@", expect: app}

  # Whether the edge protects the site and hides its origin.
  # hosting:
  #   provider: fly
  #   edge: cloudflare           # cloudflare, fastly, vercel, netlify, cloudfront, bunny or none
  #   origins: []                # addresses that should answer the edge alone
  #   zone_file: clients/zone.txt   # an export from the DNS host: then every name is checked

  # Whether password resets arrive.
  # mail:
  #   from_domains: ["@DOMAIN@"]
  #   dkim_selectors: {"@DOMAIN@": [s1]}
  #   providers: [postmark]
  #   inbox: {maildir: clients/inbox}    # or imap, or mailpit

  # Login, dashboard and everything behind them: test accounts, never a real member's.
  # accounts:
  #   member: {email: "test-member@@DOMAIN@", password: "${MEMBER_PASSWORD}"}
  #   admin: {email: "test-admin@@DOMAIN@", password: "${ADMIN_PASSWORD}"}
  #   new_email: "audit+{n}@@DOMAIN@"    # for sign-ups made by the audit

  # Whether paid members are let in once, and only they.
  # webhooks:
  #   billing: {url: /webhooks/stripe, provider: stripe, secret: "${BILLING_WEBHOOK_SECRET}"}

  # Secrets in the code, environment variables, the build, the way back.
  # repository:
  #   path: ../app
  #   branch: main
  #   build: ["npm ci", "npm run build"]   # run only with allow: [build]
  #   env_files: {development: .env.development, production: .env.production}
  #   production_variables: names.txt      # names only, one a line, as the host lists them

  # Slow queries, and what to do about them.
  # database: {url: "${DATABASE_URL}"}     # a read-only role
  # query_log: clients/queries.jsonl       # JSON lines {request_id, route, sql, ms}, or a Postgres log
  # logs: [clients/app.log]                # request ids, private data and error patterns

  # Whether somebody hears of an outage.
  # monitoring:
  #   configuration: clients/monitor.yaml  # export of the uptime monitor
  #   alerts: [{to: "#alerts", kind: slack, readers: 2, for: [uptime, deploys]}]
  #   delivery_minutes: 1

  # How releases go out and come back.
  # deploy:
  #   deploy_command: ["./deploy"]
  #   rollback_command: ["./deploy --rollback"]
  #   previous_release: "1.0"

  # Who can reach what, for the handover.
  # access:
  #   registrar: {provider: Namecheap, owner: founder, second: cto, two_factor: true, auto_renew: true}
  #   hosting: {provider: Fly.io, owner: cto, second: founder, two_factor: true}
  # runbook: clients/runbook.md

  # Figures for what an outage costs; without them the report uses words.
  # business: {members: 100, price_month: 19, currency: EUR}
"""


def starter(domain: str) -> str:
    """Write a commented parameters file for a domain.

    Raises:
        ParametersError: it is not a domain.
    """
    try:
        ascii_domain = domain_name(domain.strip())
    except PydanticCustomError as error:
        raise ParametersError([Problem((error.context or {})["message"], "domain")]) from None
    today = dt.datetime.now(tz=dt.UTC).date()
    label = ascii_domain.split(".", 1)[0]
    facts = {
        "NAME": json.dumps(label.replace("-", " ").title() if not label.startswith("xn--") else ascii_domain),
        "SLUG": json.dumps(label),
        "DOMAIN": ascii_domain,
        "RELEASE": json.dumps(f"{today.year}.{today.month}.{today.day}"),
        "TODAY": today.isoformat(),
    }
    text = re.sub(r"@(NAME|SLUG|RELEASE|TODAY|DOMAIN)@", lambda match: facts[match[1]], _TEMPLATE)
    return text.replace(f"\n  domain: {ascii_domain}", f"\n  domain: {json.dumps(ascii_domain)}")
