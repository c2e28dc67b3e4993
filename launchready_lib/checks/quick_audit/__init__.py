"""Stage 1: what breaks first under real member traffic. Imports what `checks` may, and no other stage."""
