"""``python -m chanfitness`` is the command ``chanfitness``."""

import sys

from .commands.main import main

sys.exit(main())
