"""Stage 2, deployment: builds, settings, secrets and ways back. Imports what `checks` may, and no other stage."""
