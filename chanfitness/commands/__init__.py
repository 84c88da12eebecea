"""The command ``chanfitness``."""
