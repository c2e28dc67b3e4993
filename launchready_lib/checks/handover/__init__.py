"""Stage 7: who holds the keys, and whether they have proved it. Imports what `checks` may, and no other stage."""
