"""Billing webhooks: real events are followed, forged ones refused, repeated ones counted once."""

from launchready_lib.checks.validate_usage.webhooks.trial import billing_trial, repeat_trial
from launchready_lib.checks.validate_usage.webhooks.verdicts import accepted, forged, repeated

__all__ = ["accepted", "billing_trial", "forged", "repeat_trial", "repeated"]
