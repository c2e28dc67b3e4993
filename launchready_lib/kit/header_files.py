"""The plan for headers, written for each system that the client uses."""

from __future__ import annotations

from collections.abc import Iterator

from launchready_lib.kit.facts import Facts
from launchready_lib.kit.header_plan import HSTS_S, HeaderPlan
from launchready_lib.kit.quoting import hcl
from launchready_lib.kit.rendering import render
from launchready_lib.wording import listed

# stack -> files as (name in kit/, template, what it is for).
_FILES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "cloudflare": (("cloudflare/headers.tf", "cloudflare/headers.tf", "Cloudflare, with Terraform"),),
    "nginx": (
        ("headers/nginx.conf", "headers/nginx.conf", "nginx: the server blocks"),
        ("headers/nginx-http.conf", "headers/nginx-http.conf", "nginx: the http block"),
    ),
    "caddy": (("headers/Caddyfile", "headers/Caddyfile", "Caddy"),),
    "vercel": (("headers/vercel.json", "headers/vercel.json", "Vercel: merge it into your vercel.json"),),
    "netlify": (("headers/_headers", "headers/_headers", "Netlify"),),
    "nextjs": (("headers/next.config.js", "headers/next.config.js", "Next.js"),),
    "express": (("headers/express.js", "headers/express.js", "Express"),),
    "django": (
        ("headers/django_settings.py", "headers/django_settings.py", "Django: settings"),
        ("headers/django_middleware.py", "headers/django_middleware.py", "Django: what settings cannot do"),
    ),
    "rails": (("headers/rails.rb", "headers/rails.rb", "Rails"),),
    "laravel": (("headers/laravel.php", "headers/laravel.php", "Laravel"),),
}
_SETS_ONLY = ("vercel", "netlify")
"""Systems that cannot take a header away, nor answer by the asker's origin."""
_SETTINGS = {
    "X-Frame-Options": "X_FRAME_OPTIONS",
    "Referrer-Policy": "SECURE_REFERRER_POLICY",
    "Cross-Origin-Opener-Policy": "SECURE_CROSS_ORIGIN_OPENER_POLICY",
}
_HSTS = "Strict-Transport-Security"
_TITLE = "Headers that keep members safe"


def files(facts: Facts, plan: HeaderPlan) -> Iterator[tuple[str, str]]:
    """(name in kit/, text) of each file that the plan needs; none where it asks for nothing."""
    if not (plan or plan.notes):
        return
    named = [
        (stack, name, template, what)
        for stack in facts.stacks
        for name, template, what in _FILES[stack]
        if plan.set or stack not in _SETS_ONLY
        if plan.private or not name.endswith("-http.conf")
    ]
    values = {
        "plan": plan,
        "title": _TITLE,
        "hosts": listed(facts.hosts, most=20),
        "hsts": HSTS_S if any(name == _HSTS for name, _ in plan.set) else 0,
        "nosniff": int(any(name == "X-Content-Type-Options" for name, _ in plan.set)),
        "others": [(name, value) for name, value in plan.set if name != _HSTS],
        "width": max((len(hcl(name)) for name in (*dict(plan.set), *plan.remove) if name != _HSTS), default=0),
        "settings": _SETTINGS,
        "files": [(name, what) for _, name, _, what in named],
    }
    yield "headers/README.md", render("headers/README.md", **values)
    if plan:
        for _, name, template, _ in named:
            yield name, render(template, **values)
