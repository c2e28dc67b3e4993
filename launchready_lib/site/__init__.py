"""What several stages need of the client's site: sign-in, pages seen by a browser, forms, steps, markup, samples.

Imports sources, record, names, network and what lies below them; never a check.
"""
