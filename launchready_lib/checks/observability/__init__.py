"""Stage 5: whether failures are seen before members see them. Imports what `checks` may, and no other stage."""
