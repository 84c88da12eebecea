"""lnd as the source of a store, over its gRPC. Needs the extra ``chanfitness[lnd]``."""

from .node import LndNode

__all__ = ["LndNode"]
