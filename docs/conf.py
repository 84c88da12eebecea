"""How Sphinx builds these pages: ``make docs``."""

project = "chanfitness"
extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["build"]
html_theme = "alabaster"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": False}
