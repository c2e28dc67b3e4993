"""Stage 7, production handover: who holds the keys, and whether they have proved it.

Imports what `checks` may, and no other stage.
"""
