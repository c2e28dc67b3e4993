"""The only way out for text: nothing secret or personal passes.

forms      recognises credentials by their form
personal   recognises personal data
redactor   knows the secrets of one client, in every way they may be written, and stands in a kernel's way out
"""

from launchready_lib.redact.personal import mask as personal
from launchready_lib.redact.redactor import Redactor, install

__all__ = ["Redactor", "install", "personal"]
