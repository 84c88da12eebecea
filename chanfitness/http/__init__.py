"""HTTP server for WSGI applications, with its addresses, connections and password."""
