"""What others wrote and we only read: repositories, credentials, variables, locks, deploys, chats, logs.

Imports record, names, network and what lies below them; never the site.
"""
