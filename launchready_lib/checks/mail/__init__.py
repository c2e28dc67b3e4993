"""The client's transactional e-mail: may its senders send, are its messages signed, and what happens to forgeries."""

from launchready_lib.checks.mail.dkim import dkim
from launchready_lib.checks.mail.dmarc import dmarc
from launchready_lib.checks.mail.spf import spf
from launchready_lib.checks.mail.survey import DomainMail, MailEvidence, survey

__all__ = ["DomainMail", "MailEvidence", "dkim", "dmarc", "spf", "survey"]
