"""HTTP: addresses, the connections of clients, and the server of WSGI applications."""
