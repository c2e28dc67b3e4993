"""How notebooks run: in order, in kernels of their own, redacted, timed, with a manifest that tells the truth."""
