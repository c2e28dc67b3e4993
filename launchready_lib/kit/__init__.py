"""The files a founder keeps: what fixes names, mail, headers, redirects and the edge, made from evidence.

Pure functions of the client's facts, the failed checks and their evidence; a notebook records what they make with
`stage.kit(kit.names(stage, …))` or `stage.kit(kit.edge(stage, …))`.
"""

from launchready_lib.kit.deliverables import Delivery
from launchready_lib.kit.fixes import Kit, KitFile, edge, names

__all__ = ["Delivery", "Kit", "KitFile", "edge", "names"]
