"""A repository in the shape of a real project, the same for the same size: merges, renames, lock files, minified
bundles, fixtures and documentation full of keys that open nothing, and a few real ones planted among them."""

import base64
import hashlib
import json
import os
import random
import string
import subprocess

from tests.checkouts import HEX
from tests.planted import live, token

LETTERS = string.ascii_letters + string.digits
WORDS = tuple(
    word
    for line in (
        "member event plan invoice session reader cache token account login page query worker mail hook price total",
        "cursor parser writer region batch schedule calendar notice profile avatar comment thread reply draft index",
    )
    for word in line.split()
)
LINES = (
    "def {a}_{b}({c}, {d}=None):",
    "    return {a}.{b}({c}['{d}'])",
    "    {a} = {b}.get('{c}', {n})",
    "    # {a} {b} {c}",
    "    if {a} is None and {b}.{c} > {n}:",
    "        raise ValueError('{a} has no {b}')",
    "    {a}_key = ({b}, {c})",
    "    log.info('{a} {b}', extra={{'{c}': {d}}})",
    "    password_field = form['{a}']",
    "    token_{a} = self.{b}_token",
    "    secret = settings.{a}_secret",
    "    {a}_id = '{uuid}'",
    "    checksum = '{sha}'",
)


class Project:
    """The work tree while its history is written."""

    def __init__(self, commits, seed=11):
        self.commits, self.random = commits, random.Random(seed)
        self.files, self.packages, self.values, self.marks, self.out = {}, {}, {}, 0, []

    def some(self, length, alphabet=LETTERS):
        return "".join(self.random.choices(alphabet, k=length))

    def line(self):
        digest = self.some(64, HEX)
        names = dict(zip("abcd", self.random.choices(WORDS, k=4), strict=True))
        uuid = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
        return self.random.choice(LINES).format(**names, n=self.random.randrange(900), uuid=uuid, sha=digest)

    def edit(self):
        """A source file that is new, or has some lines changed."""
        sources = [path for path in self.files if path.startswith("src/") and path.endswith(".py")]
        if len(sources) < 30 or self.random.random() < 0.06:
            path = f"src/{self.random.choice(WORDS)}/{self.random.choice(WORDS)}_{len(self.files)}.py"
            self.files[path] = "\n".join(self.line() for _ in range(self.random.randrange(40, 300))) + "\n"
            return path
        path = self.random.choice(sources)
        lines = self.files[path].split("\n")
        for _ in range(self.random.randrange(1, 6)):
            at = self.random.randrange(len(lines))
            lines[at : at + self.random.randrange(2)] = [self.line()]
        self.files[path] = "\n".join(lines)
        return path

    def lock(self):
        for _ in range(8 if self.packages else 400):
            name = f"node_modules/{self.random.choice(WORDS)}-{self.random.randrange(20)}"
            digest = base64.b64encode(self.random.randbytes(64)).decode()
            self.packages[name] = {
                "version": f"{self.random.randrange(9)}.{self.random.randrange(30)}.0",
                "resolved": f"https://registry.npmjs.org/{name}.tgz",
                "integrity": f"sha512-{digest}",
            }
        self.files["package-lock.json"] = json.dumps({"packages": self.packages}, indent=2)
        return "package-lock.json"

    def bundle(self):
        body = "".join(
            f"function {self.some(2)}(e,t){{return e.{self.random.choice(WORDS)}(t,'{self.some(22)}')}}"
            for _ in range(900)
        )
        path = f"public/assets/app.{self.random.randrange(4)}.min.js"
        self.files[path] = body
        return path

    def fixture(self):
        path = f"tests/fixtures/{self.random.choice(WORDS)}_{self.random.randrange(80)}.json"
        key = base64.b64encode(self.random.randbytes(600)).decode()
        begin = "-----BEGIN " + "PRIVATE KEY-----"
        keys = {
            "key": "sk_live_" + self.some(24),
            "aws": "AKIA" + self.some(16, string.ascii_uppercase),
            "github": "ghp_" + self.some(36),
            "jwt": token({"sub": self.some(8)}, self.some(4)),
            "pem": f"{begin}\n{key}\n{begin.replace('BEGIN', 'END')}",
            "slack": f"xoxb-{self.some(12, string.digits)}-{self.some(24)}",
            "url": f"postgresql://app:{self.some(16)}@db.acme-club.io/app",
        }
        self.files[path] = json.dumps(keys, indent=1)
        return path

    def document(self):
        path = f"docs/{self.random.choice(WORDS)}.md"
        aws = "AKIA" + "IOSFODNN7" + "EXAMPLE"
        self.files[path] = (
            f"# {path}\n\n    export AWS_ACCESS_KEY_ID={aws}\n    export API_KEY=your-api-key\n"
            f"    curl -H 'Authorization: Bearer <token>' -u user:password https://api.acme.example/\n"
            f"    DATABASE_URL=postgres://user:password@localhost:5432/app\n    STRIPE=sk_test_{self.some(24)}\n"
            f"    SECRET_KEY={self.some(40)}\n    redis://:{self.some(12)}@cache.example.com:6379\n"
        )
        return path

    def settings(self):
        which = self.random.randrange(5)
        if which == 0:
            text = "".join(
                f"{word.upper()}_SECRET=changeme\n{word.upper()}_TOKEN=\n" for word in self.random.sample(WORDS, 5)
            )
            path = ".env.example"
        elif which == 1:
            text = "services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: postgres\n"
            text += f"      APP_SECRET: ${{APP_SECRET:?}}\n    ports: ['{self.random.randrange(9000)}:5432']\n"
            path = "docker-compose.yml"
        elif which == 2:
            anon = token({"role": "anon"}, self.some(3))
            text = f"MAPS = 'AIza{self.some(35)}'\nPK = 'pk_live_{self.some(24)}'\nanonKey = '{anon}'\n"
            path = "src/public.ts"
        elif which == 3:
            text = json.dumps(
                {word: {"password": "Ihr Kennwort", "token": self.some(9)} for word in WORDS[:20]}, indent=1
            )
            path = f"locales/{self.random.choice(('de', 'en', 'fr'))}.json"
        else:
            text = "".join(f"{self.some(64, HEX)}  {word}.tar.gz\n" for word in WORDS)
            path = "SHA256SUMS"
        self.files[path] = text
        return path

    def commit(self, branch, changes, *, parents=(), deleted=()):
        """One commit as `git fast-import` reads it; gives its mark."""
        self.marks += 1
        moment = 1_600_000_000 + self.marks * 9_000
        self.out.append(f"commit {branch}\nmark :{self.marks}\ncommitter D <d@acme.example> {moment} +0000\n".encode())
        self.out.append(b"data 6\nchange\n")
        for word, mark in zip(("from", "merge"), parents, strict=False):
            self.out.append(f"{word} :{mark}\n".encode())
        for path in deleted:
            self.out.append(f"D {path}\n".encode())
        for path, text in changes.items():
            body = text.encode()
            self.out.append(b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(body), body))
        return self.marks

    def plant(self, place, path):
        self.values[place] = live(f"replayed {place}")
        return {path: f"KEY = '{self.values[place]}'\n"}

    def write(self):
        """The stream, piece by piece."""
        head, side = 0, 0
        for number in range(self.commits):
            kinds = [(20, self.lock), (80, self.bundle), (15, self.fixture), (12, self.document), (18, self.settings)]
            touched = [self.edit(), self.edit(), *(make() for every, make in kinds if number % every == 3)]
            changes = {path: self.files[path] for path in touched}
            if number % 25 == 5:
                side = self.commit("refs/heads/topic", {f"src/topic_{number}.py": self.line()}, parents=(head,))
            parents = (head, side) if number % 25 == 12 and side else (head,) if head else ()
            gone = []
            if number % 40 == 21:
                old = self.random.choice([p for p in self.files if p.startswith("src/") and p.endswith(".py")])
                new = old.replace(".py", f"_{number}.py")
                self.files[new] = self.files.pop(old)
                changes.pop(old, None)
                changes[new], gone = self.files[new], [old]
            changes |= self.planted(number)
            gone += [path for path in ("src/pay_once.py",) if number == self.commits // 2 + 5]
            head = self.commit("refs/heads/main", changes, parents=parents, deleted=gone)
            yield from self.out
            self.out.clear()
        side = self.commit("refs/heads/spike", self.plant("side", "src/spike.py"), parents=(head,))
        yield from self.out
        yield b"reset refs/tags/v9\nfrom :%d\n\nreset refs/heads/topic\nfrom :%d\n\n" % (side, head)

    def planted(self, number):
        """What is planted with this commit."""
        if number == self.commits // 2:
            return self.plant("deleted", "src/pay_once.py")
        if number == self.commits // 3:
            return self.plant("head", "src/pay.py")
        if number == self.commits // 4:
            self.values["dotenv"] = self.some(40)
            return {".env.production": f"SESSION_SECRET={self.values['dotenv']}\n"}
        return {".env.production": "SESSION_SECRET=${SESSION_SECRET}\n"} if number == self.commits // 4 + 1 else {}


def replay(folder, commits):
    """Make the repository; gives the planted values by place."""
    folder.mkdir(parents=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull}
    project = Project(commits)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], env=environment, check=True)
    command = ["git", "-C", str(folder), "fast-import", "--quiet"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as importing:
        for piece in project.write():
            importing.stdin.write(piece)
        importing.stdin.close()
    assert importing.returncode == 0
    subprocess.run(["git", "-C", str(folder), "reset", "-q", "--hard"], env=environment, check=True)
    return project.values


def digest(folder):
    """What names the whole history."""
    heads = subprocess.run(["git", "-C", str(folder), "show-ref"], capture_output=True, check=True).stdout
    return hashlib.sha256(heads).hexdigest()
