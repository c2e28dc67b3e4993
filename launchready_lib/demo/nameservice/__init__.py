"""Real DNS for Harbor Club: a root, a registry, two nameservers, the rest of the world, and a validating resolver."""

from __future__ import annotations

from launchready_lib.demo.nameservice.service import NameService, start

__all__ = ["NameService", "start"]
