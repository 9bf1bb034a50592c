"""Real servers as subprocesses, for tests and benchmarks that need one over a real socket.

Each is a context manager on loopback with a port and data folder of its own, so that many run side by side.
"""
