"""The client's transactional e-mail: may its senders send, are its messages signed, and what happens to forgeries."""

from launchready_lib.checks.mail.delivered import delivered
from launchready_lib.checks.mail.delivery import Delivery, delivery
from launchready_lib.checks.mail.dkim import dkim
from launchready_lib.checks.mail.dmarc import dmarc
from launchready_lib.checks.mail.spf import spf
from launchready_lib.checks.mail.survey import DomainMail, MailEvidence, survey
from launchready_lib.checks.mail.transport import TransportEvidence, in_transit, transport

__all__ = [
    "Delivery",
    "DomainMail",
    "MailEvidence",
    "TransportEvidence",
    "delivered",
    "delivery",
    "dkim",
    "dmarc",
    "in_transit",
    "spf",
    "survey",
    "transport",
]
