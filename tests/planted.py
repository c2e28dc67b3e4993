"""A repository with a credential in every hiding place, made at run time from the providers' own grammars."""

import base64
import io
import json
import string
import zipfile

from tests.checkouts import HEX, git, new_checkout, noise

UPPER = string.ascii_uppercase + "234567"


def live(seed):
    return "sk_live_" + noise(24, seed=seed)


def token(claims, seed):
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in ({"alg": "HS256"}, claims)]
    return ".".join([*parts, noise(43, seed=seed)])


def key(seed):
    return f"STRIPE = '{live(seed)}'\n"


STRUCTURED = {
    "dotenv": (".env.production", "SESSION_SECRET={}\n"),
    "settings": ("app/settings.py", "SECRET_KEY = '{}'\n"),
    "wordpress": ("wp-config.php", "define( 'DB_PASSWORD', '{}' );\n"),
    "database_yml": ("config/database.yml", "production:\n  password: {}\n"),
    "netrc": (".netrc", "machine api.acme.example login deploy password {}\n"),
    "pgpass": (".pgpass", "db.acme.example:5432:app:app:{}\n"),
    "npmrc": (".npmrc", "//registry.acme.example/:_authToken={}\n"),
    "compose": ("docker-compose.yml", "services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD={}\n"),
    "terraform": ("infra/terraform.tfstate", '{{"attributes": {{"password": "{}"}}}}\n'),
    "aws": (".aws/credentials", "aws_secret_access_key = {}\n"),
}


def plant(folder):
    """Make the repository; gives its folder, the planted values by hiding place, and what must never fail."""
    commit = new_checkout(folder)
    values = {place: live(place) for place in REACHABLE if place not in ("role", "yaml", "rails", *STRUCTURED)}
    values |= {name: noise(40, seed=name) for name in STRUCTURED}
    values |= {place: live(place) for place in UNREACHABLE}
    values["role"] = token({"role": "service_role", "exp": 4102444800}, "role")
    values["yaml"] = "whsec_" + noise(32, seed="yaml")
    values["rails"] = noise(32, HEX, seed="rails")
    harmless = {
        "anon": token({"role": "anon", "exp": 4102444800}, "anon"),
        "publishable": "pk_live_" + noise(24, seed="pk"),
        "test_mode": "sk_test_" + noise(24, seed="test"),
        "fixture": live("fixture"),
        "placeholder": "sk_live_" + "x" * 24,
        "documented": "AKIA" + "IOSFODNN7" + "EXAMPLE",
        "expired": token({"sub": "u1", "exp": 1000}, "expired"),
    }
    _main_line(folder, commit, values, harmless)
    _branches(folder, commit)
    _loose(folder, commit)
    return folder, values, harmless


REACHABLE = (
    "head", "deleted", "edited", "side", "tag", "merge", "renamed", "notebook", "archive", "role", "yaml", "rails",
    "message", "annotated", "nested", *STRUCTURED,
)  # fmt: skip
UNREACHABLE = ("stash", "dangling", "dropped")


def _main_line(folder, commit, values, harmless):
    secret = base64.b64encode(f"webhook: {values['yaml']}\n".encode()).decode()
    notebook = {"cells": [{"cell_type": "code", "source": ["import stripe\n", f'API_KEY = "{values["notebook"]}"\n']}]}
    commit({"README.md": "An app.\n", "src/head.py": key("head"), "src/deleted.py": key("deleted")})
    commit({"src/edited.py": "A = 1\n" * 40 + key("edited") + "B = 2\n" * 40})
    commit({"src/edited.py": "A = 1\n" * 40 + "STRIPE = env['STRIPE']\n" + "B = 2\n" * 40})
    commit({"k8s/sealed.yml": f"kind: ConfigMap\ndata:\n  blob: {secret}\n", "old/name.py": key("renamed")})
    commit({"analysis.ipynb": json.dumps(notebook), "backup.zip": zipped({"srv/.env": f"KEY={values['archive']}\n"})})
    commit({"config/supabase.ts": f"const service = '{values['role']}'\n", "config/master.key": values["rails"]})
    commit({path: text.format(values[name]) for name, (path, text) in STRUCTURED.items()})
    git(folder, "mv", "old/name.py", "new.py")
    git(folder, "rm", "-q", "src/deleted.py", "analysis.ipynb", "backup.zip", *(p for p, _ in STRUCTURED.values()))
    commit(
        {
            "src/public.ts": f"const anon = '{harmless['anon']}', pk = '{harmless['publishable']}'\n",
            ".env.example": "\n".join(f"{n.upper()}={harmless[n]}" for n in ("placeholder", "documented", "expired")),
            "tests/test_pay.py": f"KEY = '{harmless['fixture']}'\nTEST = '{harmless['test_mode']}'\n",
        }
    )
    git(folder, "commit", "-q", "--allow-empty", "-m", f"try with {values['message']}")


def _branches(folder, commit):
    git(folder, "checkout", "-q", "-b", "side")
    commit({"src/side.py": key("side")})
    git(folder, "checkout", "-q", "-b", "released", "main")
    commit({"src/tag.py": key("tag")}, tag="v1.0")
    git(folder, "tag", "-a", "-m", f"Released with {live('annotated')}", "v1.1", "main")
    git(folder, "tag", "-a", "-m", f"Again with {live('nested')}", "v1.2", "v1.1")
    git(folder, "checkout", "-q", "-b", "topic", "main")
    commit({"src/topic.py": "A = 1\n"})
    git(folder, "checkout", "-q", "main")
    git(folder, "branch", "-D", "released")
    git(folder, "merge", "-q", "--no-ff", "--no-commit", "topic")
    commit({"src/merge.py": key("merge")})
    git(folder, "branch", "-D", "topic")


def _loose(folder, commit):
    git(folder, "checkout", "-q", "-b", "lost")
    commit({"src/dangling.py": key("dangling")})
    git(folder, "checkout", "-q", "main")
    git(folder, "branch", "-D", "lost")
    (folder / "src/head.py").write_text(key("head") + key("stash"))
    git(folder, "stash", "-q")
    (folder / "dropped.py").write_text(key("dropped"))
    git(folder, "add", "dropped.py")
    git(folder, "rm", "-q", "-f", "--cached", "dropped.py")
    (folder / "dropped.py").unlink()


def zipped(members):

    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return body.getvalue()
