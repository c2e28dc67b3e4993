"""The only way out for text: nothing secret or personal passes.

forms      recognises credentials by their form
personal   recognises personal data
redactor   knows the secrets of one client, in every way they may be written
kernel     puts a redactor in the way of everything that a kernel says
"""

from launchready_lib.redact.kernel import install
from launchready_lib.redact.personal import mask as personal
from launchready_lib.redact.redactor import Redactor

__all__ = ["Redactor", "install", "personal"]
