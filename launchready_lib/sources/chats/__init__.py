"""Chat exports as messages: Slack, Discord and other JSON, mailboxes, plain text; zipped or not, and never trusted."""

from launchready_lib.sources.chats.exports import Export, read
from launchready_lib.sources.chats.messages import Message

__all__ = ["Export", "Message", "read"]
