"""What browsers are sent, and which values in it look like credentials; no value is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from launchready_lib.evidence import Row, Unavailable
from launchready_lib.sources.credentials import Credential

Kind = Literal["page", "script", "source map"]


@dataclass(frozen=True)
class Received:
    """One page, script or source map.

    Attributes:
        size: characters read.
        signed_in: it came to a member.
        note: what is to say of it, such as that it did not come.
    """

    kind: Kind
    url: str
    size: int
    signed_in: bool = False
    note: str = ""

    def row(self) -> Row:
        """The row that evidence shows."""
        viewer = "member" if self.signed_in else "anybody"
        return {"kind": self.kind, "address": self.url, "kilobytes": round(self.size / 1000, 1), "sent_to": viewer,
                "note": self.note}  # fmt: skip


@dataclass(frozen=True)
class BundlesEvidence:
    """Everything read, and what stands in it.

    Attributes:
        credentials: one a value, the worst first.
        missing: what could not be read, and why.
    """

    received: tuple[Received, ...]
    credentials: tuple[Credential, ...] = ()
    missing: tuple[Unavailable, ...] = ()

    def frame(self) -> pd.DataFrame:
        """One row for each page, script and source map."""
        return pd.DataFrame([each.row() for each in self.received])
