"""How Sphinx builds these pages: ``make docs``."""

project = "chanfitness"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["build"]
html_theme = "alabaster"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}

# A link of our own that leads nowhere fails the build; these are not ours, or are private.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(collections|datetime|os|prometheus_client|queue|socket)\..*"),
    ("py:.*", "WSGIApplication|AllowedHosts|Password"),
    (
        "py:.*",
        r"chanfitness\.(config\.NotYetKnown|recording\.format\.Line|subscribe\.T|core\.watchable_queue\.WatchableQueue)",
    ),
]
