"""Signs of building too early, read from a repository's files.

data             what is known of them (data/overbuilding.yaml)
infrastructure   regions, services, monitoring and queues, from configuration and manifests
code             caching and joins, from code and the log of queries
"""

from launchready_lib.sources.overbuilding.data import Sign, Topic, topics

__all__ = ["Sign", "Topic", "topics"]
