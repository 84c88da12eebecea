"""Core Lightning as the source of a store, by its socket; and the plugin, ``chanfitness-cln``.

The plugin alone needs the extra ``chanfitness[cln]``.
"""

from .node import ClnNode

__all__ = ["ClnNode"]
