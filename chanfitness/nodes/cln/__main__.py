"""Entry point of ``python -m chanfitness.nodes.cln``, the plugin ``chanfitness-cln``."""

import sys

from .launcher import main

sys.exit(main())
