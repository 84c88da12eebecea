"""``python -m chanfitness`` is the command ``chanfitness``."""

import sys

from .cli import main

sys.exit(main())
