"""The demo: every cycle against a simulated channel with sample data.

Entry point: `run`. `channel` is the simulated channel and the check of what it received, `merchant` a
merchant's day from the first payment to a return. May import `console.cli` and `console.machine`.
"""
