"""Builds every object once, starts and stops them in order. The only room that picks a backend."""
