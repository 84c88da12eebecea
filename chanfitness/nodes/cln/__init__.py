"""Core Lightning as a source: a watcher over lightningd's socket, and the plugin.

Only the plugin, ``chanfitness-cln``, needs the extra ``chanfitness[cln]``.
"""

from .node import ClnNode

__all__ = ["ClnNode"]
