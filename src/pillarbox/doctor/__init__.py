"""Looks after the own installation: what is wrong with it, and what to do about each finding."""
