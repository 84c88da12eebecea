"""Command line interface ``chanfitness``."""
