"""What names are made of: delegation, DNSSEC chains, zone files, registrable names, and dated tables.

Imports client, network and what lies below them.
"""
