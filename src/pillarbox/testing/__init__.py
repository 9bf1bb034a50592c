"""A real IMAPS server for other people's tests: the pytest fixture `imaps_server`, and `ImapsServer` without pytest.

Importing this package costs nothing; the server is loaded when it is made.
"""
