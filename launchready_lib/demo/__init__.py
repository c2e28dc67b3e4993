"""Harbor Club, the embedded client: a small membership community on loopback, with every fault switchable."""
