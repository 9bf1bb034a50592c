"""Eight devices on one account, each knowing only what the server told it: does each end up with the truth?

Run for long: `python -m tests.simulation --minutes 5 --seed 7`. Nothing here imports Pillarbox.
"""
