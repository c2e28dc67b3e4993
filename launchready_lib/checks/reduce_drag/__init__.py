"""Stage 4, backend drag: what makes members wait behind the page. Imports what `checks` may, and no other stage."""
