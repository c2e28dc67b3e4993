"""The only way out for text: nothing secret or personal passes.

Imports parameters, evidence and what lies below them.
"""

from launchready_lib.redact.messages import install
from launchready_lib.redact.personal import mask as personal
from launchready_lib.redact.redactor import Redactor

__all__ = ["Redactor", "install", "personal"]
