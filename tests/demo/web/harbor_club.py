"""A running web part of Harbor Club, and clients whose names lead to its loopback ports."""

import asyncio
import email.policy
import hashlib
import hmac
import json
import re
import secrets
import ssl
import subprocess
import threading
import time
from email.parser import BytesParser

import httpx

from launchready_lib.demo import mailbox, names, web
from launchready_lib.demo.certificates import CertificateAuthority
from launchready_lib.demo.faults import Switchboard

SITE, WWW, APP, ADMIN, API = names.WEB_HOSTS
PAGES = ("/", "/login", "/signup", "/forgot")


class Browser:
    """One client with its own cookies, whose names lead to the loopback ports."""

    def __init__(self, ports, context, address="127.0.0.1"):
        transport = httpx.HTTPTransport(verify=context, local_address=address)
        self.http = httpx.Client(transport=transport, timeout=20)
        self.ports = ports

    def ask(self, method, path="/", host=SITE, scheme="https", part="edge", headers=None, **body):
        return self.http.request(
            method,
            f"{scheme}://127.0.0.1:{self.ports[f'{part}_{scheme}']}{path}",
            headers={"Host": host, **(headers or {})},
            extensions={"sni_hostname": host},
            **body,
        )

    def get(self, path="/", **more):
        return self.ask("GET", path, **more)

    def submit(self, page, action, host=SITE, **fields):
        token = re.search(r'name="csrf" value="([^"]+)"', self.get(page, host=host).text).group(1)
        return self.ask("POST", action, host=host, data={"csrf": token, **fields})

    def login(self, address, password, **more):
        return self.submit("/login", "/login", email=address, password=password, **more)


class Club:
    """A running web part in a thread of its own, as the world process has it in its loop."""

    def __init__(self, folder):
        self.folder = folder
        self.switchboard = Switchboard()
        self.environment = {name: secrets.token_urlsafe(18) for name in names.VARIABLES}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        authority = CertificateAuthority(folder, self.switchboard)
        self.context = ssl.create_default_context(cafile=str(authority.file))
        self.web, self.smtp = self.run(self._start(authority))
        self.clients = []

    async def _start(self, authority):
        mailbox.make_keys(self.folder / "dkim")
        smtp = await mailbox.start(self.folder / "inbox", self.folder / "dkim", self.switchboard, authority)
        here = smtp.sockets[0].getsockname()
        started = await web.start(
            self.switchboard, self.folder, authority, release="launch", environment=self.environment, smtp=here
        )
        return started, smtp

    async def _stop(self):
        await self.web.stop()
        self.smtp.close()
        await self.smtp.wait_closed()

    def run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def faults(self, *checks):
        self.run(self.switchboard.set(checks))

    def browser(self, **more):
        self.clients.append(Browser(self.web.ports, self.context, **more))
        return self.clients[-1]

    def member(self, **more):
        browser = self.browser(**more)
        assert browser.login(names.MEMBER_EMAIL, self.environment[names.MEMBER_PASSWORD]).status_code == 303
        return browser

    def admin(self):
        browser = self.browser()
        assert browser.login(names.ADMIN_EMAIL, self.environment[names.ADMIN_PASSWORD]).status_code == 303
        return browser

    def log(self, name="app"):
        return [json.loads(line) for line in (self.folder / "logs" / f"{name}.log").read_text().splitlines()]

    def mail(self):
        parser = BytesParser(policy=email.policy.default)
        return [parser.parsebytes(path.read_bytes()) for path in sorted((self.folder / "inbox" / "new").iterdir())]

    def close(self):
        for client in self.clients:
            client.http.close()
        self.run(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def wait_for(condition):
    for _ in range(200):
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it never came")


def signed(secret, event, age=0, body=None):
    raw = body if body is not None else json.dumps(event).encode()
    moment = str(int(time.time()) - age)
    mac = hmac.new(secret.encode(), moment.encode() + b"." + json.dumps(event).encode(), hashlib.sha256).hexdigest()
    return {"content": raw, "headers": {"Stripe-Signature": f"t={moment},v1={mac}", "Content-Type": "application/json"}}


def event(club, name="activate", **change):
    found = json.loads((club.folder / "webhooks" / f"{name}.json").read_text())
    return found | {"id": f"evt_{secrets.token_hex(8)}", "created": int(time.time())} | change


def billing(admin):
    return admin.get("/api/members/cus_HarborTestMember").json()


def git(club, *command):
    done = subprocess.run(
        ["git", "-C", club.folder / "repository", *command], capture_output=True, text=True, check=True
    )
    return done.stdout
