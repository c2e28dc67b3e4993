"""Launch Ready: the audit workbook."""

__version__ = "0.1.0"
