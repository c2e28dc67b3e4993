"""Stage 3, the edge: what stands between the open internet and members' data.

Imports what `checks` may, and no other stage.
"""
