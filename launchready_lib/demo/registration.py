"""The registry's data about harborclub.example over RDAP (RFC 9082, RFC 9083)."""

from __future__ import annotations

import datetime as dt
import json
import ssl
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from launchready_lib.demo import names
from launchready_lib.demo.faults import Switchboard

_DAY = dt.timedelta(days=1)
_JSON = "application/rdap+json"


class _Domain(RequestHandler):
    def initialize(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def get(self, name: str) -> None:
        self.set_header("Content-Type", _JSON)
        if name.lower().rstrip(".") != names.DOMAIN:
            self.set_status(404)
            self.finish(json.dumps({"rdapConformance": ["rdap_level_0"], "errorCode": 404, "title": "Not Found"}))
            return
        self.finish(json.dumps(record(expiring=self._switchboard.on("handover.dns"))))


def record(*, expiring: bool) -> dict[str, Any]:
    """The domain object; expiring: it ends in ten days, and may be transferred away."""
    today = dt.datetime.now(dt.UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    ends = today + (10 if expiring else 300) * _DAY
    return {
        "rdapConformance": ["rdap_level_0", "icann_rdap_response_profile_1"],
        "objectClassName": "domain",
        "handle": "4711_DOMAIN-EXAMPLE",
        "ldhName": names.DOMAIN,
        "status": ["active"] if expiring else ["client transfer prohibited"],
        "events": [
            {"eventAction": "registration", "eventDate": _stamp(today - 430 * _DAY)},
            {"eventAction": "expiration", "eventDate": _stamp(ends)},
            {"eventAction": "last changed", "eventDate": _stamp(today - 65 * _DAY)},
        ],
        "nameservers": [{"objectClassName": "nameserver", "ldhName": server} for server in names.NAMESERVERS],
        "secureDNS": {"delegationSigned": True},
        "entities": [
            {
                "objectClassName": "entity",
                "handle": "9001",
                "roles": ["registrar"],
                "publicIds": [{"type": "IANA Registrar ID", "identifier": "9001"}],
                "vcardArray": ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", names.REGISTRAR]]],
            }
        ],
    }


def _stamp(moment: dt.datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def start(switchboard: Switchboard, tls: ssl.SSLContext) -> tuple[HTTPServer, int]:
    """Open the service; returns it with its port."""
    application = Application(
        [(r"/domain/([^/]+)", _Domain, {"switchboard": switchboard})], log_function=lambda _: None
    )
    server = HTTPServer(application, ssl_options=tls)
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]
