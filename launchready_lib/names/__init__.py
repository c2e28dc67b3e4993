"""What names are made of: delegation, DNSSEC chains, zone files, registrable names, and dated tables."""
