"""The record as documents: one self-contained HTML page, findings.json, kit/, and the pictures that notebooks show.

Imports kit, checks and what lies below them.
"""
