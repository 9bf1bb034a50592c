"""A report told: to a person's screen, to programs as JSON, to Prometheus, and live.

Must never: judge; the steps have.
"""
