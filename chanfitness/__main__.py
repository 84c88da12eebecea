"""Entry point of ``python -m chanfitness``: the command ``chanfitness``."""

import sys

from .commands.main import main

sys.exit(main())
