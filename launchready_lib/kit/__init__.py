"""The files a founder keeps: what fixes names, mail, headers, redirects, edge, caching and deploys, made from evidence.

Pure functions of the client's facts, the failed checks and their evidence; a notebook records what they make with
`stage.kit(kit.names(stage, …))`, and so with `kit.deploys`, `kit.edge` and `kit.speed`.

Imports checks and what lies below them.
"""

from launchready_lib.kit.deploying import deploys
from launchready_lib.kit.fixes import edge, names, speed
from launchready_lib.kit.model import Delivery, Kit, KitFile

__all__ = ["Delivery", "Kit", "KitFile", "deploys", "edge", "names", "speed"]
