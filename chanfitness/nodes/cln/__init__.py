"""The plugin for Core Lightning, ``chanfitness-cln``. Needs the extra ``chanfitness[cln]``."""
