"""lnd as a source, over gRPC. Needs the extra ``chanfitness[lnd]``."""

from .node import LndNode

__all__ = ["LndNode"]
