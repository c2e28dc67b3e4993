"""Logs read, not trusted: lines of four formats, and statements of query logs, bounded in time and memory."""

from launchready_lib.sources.logbook.lines import Entry, Sample, parse_line, read_sample
from launchready_lib.sources.logbook.statements import Statement, fingerprint, parse_statements

__all__ = ["Entry", "Sample", "Statement", "fingerprint", "parse_line", "parse_statements", "read_sample"]
