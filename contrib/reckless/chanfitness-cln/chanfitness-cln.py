#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.10"
# dependencies = ["chanfitness[cln,web,alerts] >= 0.1.0"]
# ///
"""Entry point of the plugin ``chanfitness-cln`` for ``reckless`` and for ``uv run``.

``uv`` installs the dependencies above. ``reckless`` ignores them: it installs requirements.txt
and copies this folder, following the links to the package.
"""

import sys

from chanfitness_launcher import plugin

sys.exit(plugin())
