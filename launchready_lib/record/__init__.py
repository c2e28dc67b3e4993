"""Verdicts, findings, and the executed notebooks read back into one audit.

Imports only roadmap, evidence and paths.
"""
