"""Benchmarks: each performance budget as a figure, next to a floor measured in the same run.

One module for each figure; `__main__.py` runs them, `table.py` prints them.
"""
