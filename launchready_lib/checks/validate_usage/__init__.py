"""Stage 6, real usage: whether members can do what they pay for. Imports what `checks` may, and no other stage."""
