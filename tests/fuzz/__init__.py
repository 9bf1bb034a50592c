"""Broken, mutilated and hostile input: never a crash, never a bug, never an illegal answer, never unbounded memory."""
