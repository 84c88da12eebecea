"""``python -m chanfitness.nodes.cln`` is the plugin ``chanfitness-cln``."""

import sys

from .plugin import main

sys.exit(main())
