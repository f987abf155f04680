"""A service over HTTP and WebSocket: recordings and streams of samples in, the command line's results out.

Its modules are imported one by one: most of them need the packages of the extra ``serve``.
"""
