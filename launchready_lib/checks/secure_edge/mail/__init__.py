"""The client's transactional e-mail: may its senders send, are its messages signed, and what happens to forgeries."""

from launchready_lib.checks.secure_edge.mail.authenticity import dkim, dmarc
from launchready_lib.checks.secure_edge.mail.delivery import Delivery, delivered, delivery
from launchready_lib.checks.secure_edge.mail.spf import spf
from launchready_lib.checks.secure_edge.mail.survey import DomainMail, MailEvidence, survey
from launchready_lib.checks.secure_edge.mail.transport import TransportEvidence, in_transit, transport

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
