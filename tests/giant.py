"""A repository of 100,000 files and a blob of 1 GB under many names, and what every reading probe says of it.

Run as a module over its folder it prints the answers, the time and the memory of its own process as JSON.
"""

import hashlib
import json
import resource
import subprocess
import sys
import time
import zlib
from pathlib import Path

from launchready_lib.checks.quick_audit import environment as needed
from launchready_lib.checks.stabilize_deployment import (
    build,
    deploy,
    environment,
    history,
    overbuild,
    releasing,
    secrets,
)
from launchready_lib.parameters import load
from launchready_lib.sources import environments, repository
from tests.checkouts import git, new_checkout

FILES, BLOB_BYTES = 100_000, 1024**3
PIECE = (b"x = 1\n" * 180_000)[: 1024**2 - 1] + b"\n"
NAMES = (
    "dump.sql", ".env.production", "package.json", "package-lock.json", "Dockerfile", ".github/workflows/deploy.yml",
    "db/migrations/9.sql", "fly.toml", "src/huge.py", "deploy.sh", "DEPLOY.md", "data.zip", "photo.png", "book.ipynb",
)  # fmt: skip
ODD = (b'"src/a\\nb.py"', b'"src/\\377\\376.py"', b'"src/..."', b'":100644 x"')


def grow(folder):
    """Make the repository; it takes a few megabytes of the disk."""
    new_checkout(folder)({"README.md": "An app.\n"})
    huge = _blob(folder).encode()
    stream = [
        b"commit refs/heads/main\ncommitter D <d@a.example> 1790000000 +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
    ]
    names = [*ODD, *(b"src/p%d/m%d.py" % (number % 500, number) for number in range(FILES - len(ODD)))]
    for number, name in enumerate(names):
        body = b"VALUE = %d\n" % number
        stream.append(b"M 100644 inline %b\ndata %d\n%b\n" % (name, len(body), body))
    stream += [b"M 100644 %b %b\n" % (huge, name.encode()) for name in NAMES]
    importing = ["git", "-C", str(folder), "fast-import", "--quiet", "--force"]
    subprocess.run(importing, input=b"".join(stream), check=True)
    return folder


def _blob(folder):
    """Write a loose object of 1 GB, most of it one compressed piece again and again; gives its name."""
    header = b"blob %d\0" % BLOB_BYTES
    digest, check = hashlib.sha1(header, usedforsecurity=False), zlib.adler32(header)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(PIECE) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(BLOB_BYTES // len(PIECE)):
        digest.update(PIECE)
        check = zlib.adler32(PIECE, check)
    name = digest.hexdigest()
    place = folder / ".git/objects" / name[:2] / name[2:]
    place.parent.mkdir(exist_ok=True)
    end = packer.flush(zlib.Z_FINISH) + check.to_bytes(4, "big")
    place.write_bytes(b"\x78\x9c" + start + piece * (BLOB_BYTES // len(PIECE)) + end)
    assert git(folder, "cat-file", "-s", name).stdout.split() == [str(BLOB_BYTES).encode()]
    return name


def answers(folder):
    """The verdict of every check that reads a repository, by check."""
    parameters = load({"name": "Acme", "domain": "acme.example", "release": "1.0"})
    repo = repository.open_at(folder)
    settings = environments.read_environments(repo, parameters)
    signs = overbuild.read_signs(repo, 10, {})
    topics = ("regions", "caching", "services", "observability", "queues", "schema")
    return {
        "secrets.tree": secrets.tree(secrets.read_tree(repo, parameters)),
        "secrets.history": history.history(history.read_history(repo, parameters)),
        "environment.missing": needed.missing(settings),
        "environment.separated": environment.separated(settings),
        "build.locked": build.locked(build.read_locks(repo)),
        "deploy.repeatable": releasing.repeatable(releasing.read_deploys(repo, parameters)[0]),
        "rollback.path": deploy.rollback_path(deploy.read_rollback(repo, parameters)),
        **{f"overbuild.{topic}": getattr(overbuild, topic)(signs) for topic in topics},
    }


if __name__ == "__main__":
    began = time.monotonic()
    told = {
        check: [str(v.status), v.reason or v.summary, json.dumps(list(v.evidence)), v.defect]
        for check, v in answers(Path(sys.argv[1])).items()
    }
    kilobytes = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sys.stdout.write(
        json.dumps({"answers": told, "seconds": time.monotonic() - began, "megabytes": max(kilobytes) // 1024})
    )
