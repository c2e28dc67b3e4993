"""The registry's data about harborclub.example over RDAP (RFC 9082, RFC 9083)."""

from __future__ import annotations

import datetime as dt
import json
import ssl

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard
from launchready_lib.demo.texts import filled


class _Domain(RequestHandler):
    def initialize(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def get(self, name: str) -> None:
        self.set_header("Content-Type", "application/rdap+json")
        answer = {"rdapConformance": ["rdap_level_0"], "errorCode": 404, "title": "Not Found"}
        if name.lower().rstrip(".") == names.DOMAIN:
            answer = json.loads(filled("rdap.json", on=self._switchboard.on, day=_day))
        else:
            self.set_status(404)
        self.finish(json.dumps(answer))


def _day(offset: int) -> str:
    """Nine o'clock of a day so many days from now."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=offset)).strftime("%Y-%m-%dT09:00:00Z")


def start(switchboard: Switchboard, tls: ssl.SSLContext) -> tuple[HTTPServer, int]:
    """Open the service; returns it with its port."""
    application = Application(
        [(r"/domain/([^/]+)", _Domain, {"switchboard": switchboard})], log_function=lambda _: None
    )
    server = HTTPServer(application, ssl_options=tls)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]
