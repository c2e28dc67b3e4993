"""The site's own addresses, as the parameters give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launchready_lib.checks import web

if TYPE_CHECKING:
    from launchready_lib.client import Client


def absolute(client: Client, path: str) -> str:
    """The whole address of a page or endpoint, given as a path or whole already."""
    return web.address(client, path)
