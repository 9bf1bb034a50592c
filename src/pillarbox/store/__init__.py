"""What is kept: the contract, its SQLite backend and the in-memory model that tests compare it with."""
