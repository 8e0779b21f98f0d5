"""Benchmarks: each budget of the design as a figure, beside a floor measured in the same run.

One module for each figure; `__main__.py` runs them, `table.py` prints them.
"""
