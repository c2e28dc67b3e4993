"""A real nginx or Caddy before Harbor Club's edge, with the kit's files included as their heads say."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from certificates import issue
from cryptography.hazmat.primitives import serialization

from launchready_lib.client import Client
from launchready_lib.demo import names

HOSTS = " ".join(names.WEB_HOSTS)


@dataclass(frozen=True)
class Front:
    """A server that listens, and the CA to trust it by."""

    http: int
    https: int
    ca: bytes
    address: str = names.EDGE_ADDRESS

    def client(self, world, folder: Path) -> Client:
        """The client as everybody meets it whose way leads through this server."""
        parameters: dict[str, Any] = yaml.safe_load(world.parameters_file.read_text())["client"]
        network = parameters["network"]
        network["connect_to"] |= {
            f"{self.address}:80": f"127.0.0.1:{self.http}",
            f"{self.address}:443": f"127.0.0.1:{self.https}",
        }
        both = folder / "both.pem"
        both.write_bytes(Path(network["ca_file"]).read_bytes() + self.ca)
        client = Client.open(parameters | {"network": network | {"ca_file": str(both)}})
        client.environment = {**client.environment, **world.environment}
        return client


def ports_of(world, address: str) -> dict[int, int]:
    """Published port -> loopback port of an address of the world."""
    to = yaml.safe_load(world.parameters_file.read_text())["client"]["network"]["connect_to"]
    return {port: int(to[f"{address}:{port}"].rpartition(":")[2]) for port in (80, 443)}


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def certificate(folder: Path) -> bytes:
    """Write site.pem and site.key for every web host; returns the CA."""
    ca = issue("Front Test CA", ca=True)
    leaf = issue(names.DOMAIN, ca, names=names.WEB_HOSTS)
    key = leaf.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "site.pem").write_bytes(leaf.pem + ca.pem)
    (folder / "site.key").write_bytes(key)
    return ca.pem


@contextlib.contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[None]:
    """Run a server until its port answers, and end it; its last words where it does not start."""
    with (
        tempfile.TemporaryFile() as words,
        subprocess.Popen(command, stderr=words, env=os.environ | environment) as process,
    ):
        try:
            for _ in range(200):
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
                    break
                if process.poll() is not None:
                    words.seek(0)
                    raise AssertionError(words.read().decode())
                time.sleep(0.02)
            yield
        finally:
            process.terminate()


def written(folder: Path, files: dict[str, str]) -> dict[str, Path]:
    """The kit's files as they are, in a folder."""
    places = {}
    for name, text in files.items():
        places[name] = folder / "kit" / name
        places[name].parent.mkdir(parents=True, exist_ok=True)
        places[name].write_text(text)
    return places


@contextlib.contextmanager
def nginx(
    world, folder: Path, files: dict[str, str], *, tls: str = "", address: str = names.EDGE_ADDRESS
) -> Iterator[Front]:
    """nginx with the kit's *-http.conf (and tls/nginx.conf) in its http block, the others in each server block."""
    ca, (http, https), edge = certificate(folder), free_ports(2), ports_of(world, address)
    places = {name: place for name, place in written(folder, files).items() if name.endswith(".conf")}
    outer = [f"include {p};" for n, p in places.items() if n.endswith("-http.conf") or n.startswith("tls/")]
    inner = [f"include {p};" for n, p in places.items() if not (n.endswith("-http.conf") or n.startswith("tls/"))]
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    passing = "proxy_set_header Host $host; proxy_http_version 1.1;"
    server = f"server_name {HOSTS}; {' '.join(inner)}"
    configuration = f"""
        daemon off; pid {folder}/nginx.pid; error_log stderr; {"user root;" if os.geteuid() == 0 else ""}
        worker_processes 1; events {{ }}
        http {{
            access_log off; {temporary} {tls if not any(n.startswith("tls/") for n in places) else ""}
            {" ".join(outer)}
            server {{
                listen 127.0.0.1:{http}; {server}
                location / {{ proxy_pass http://127.0.0.1:{edge[80]}; {passing} }}
            }}
            server {{
                listen 127.0.0.1:{https} ssl; ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
                {server}
                location / {{
                    proxy_pass https://127.0.0.1:{edge[443]}; proxy_ssl_server_name on; proxy_ssl_name $host; {passing}
                }}
            }}
        }}"""
    (folder / "nginx.conf").write_text(configuration)
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert program, "nginx is needed: scripts/system.sh installs it where CI is set"
    with running([program, "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")], https):
        yield Front(http, https, ca, address)


@contextlib.contextmanager
def caddy(world, folder: Path, files: dict[str, str]) -> Iterator[Front]:
    """Caddy with the kit's snippets imported in every site block; its site blocks take the place of ours."""
    ca, (http, https), edge = certificate(folder), free_ports(2), ports_of(world, names.EDGE_ADDRESS)
    texts = [text for name, text in files.items() if name.endswith("Caddyfile")]
    imports = [line.split("(")[1].split(")")[0] for text in texts for line in text.splitlines() if line.startswith("(")]
    taken = {line.split(" ")[0] for text in texts for line in text.splitlines() if "://" in line and line.endswith("{")}
    own = "\n".join(f"import {name}" for name in imports)
    sites = []
    for host in names.WEB_HOSTS:
        if f"http://{host}" not in taken:
            sites.append(f"http://{host} {{\n{own}\nreverse_proxy http://127.0.0.1:{edge[80]}\n}}")
        if f"https://{host}" not in taken:
            upstream = f"https://127.0.0.1:{edge[443]} {{\nheader_up Host {{host}}\ntransport http {{\n"
            upstream += f"tls_insecure_skip_verify\ntls_server_name {host}\n}}\n}}"
            tls = f"tls {folder}/site.pem {folder}/site.key"
            sites.append(f"https://{host} {{\n{tls}\n{own}\nreverse_proxy {upstream}\n}}")
    head = f"{{\nadmin off\nhttp_port {http}\nhttps_port {https}\nauto_https disable_redirects\nlocal_certs\n"
    head += f"skip_install_trust\nstorage file_system {folder}/caddy\ndefault_bind 127.0.0.1\n}}\n"
    (folder / "Caddyfile").write_text("\n".join([head, *texts, *sites]))
    program = shutil.which("caddy")
    assert program, "Caddy is needed: scripts/system.sh installs it where CI is set"
    command = [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with running(command, https, HOME=str(folder), XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder)):
        root = folder / "caddy/pki/authorities/local/root.crt"
        yield Front(http, https, ca + (root.read_bytes() if root.exists() else b""))
