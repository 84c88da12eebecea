"""How Sphinx builds these pages: ``make docs``."""

from chanfitness import __version__

project = "chanfitness"
release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxarg.ext"]
exclude_patterns = ["build"]
html_theme = "furo"
html_title = "chanfitness"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
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
