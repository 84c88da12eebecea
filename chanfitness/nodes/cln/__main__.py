"""``python -m chanfitness.nodes.cln`` is the plugin ``chanfitness-cln``."""

import sys

from .launcher import main

sys.exit(main())
