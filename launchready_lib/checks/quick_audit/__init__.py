"""Stage 1, the quick audit: what breaks first under real member traffic.

Imports what `checks` may, and no other stage.
"""
