"""Connectors: one package for each outside system.

`registry` opens a connection and checks settings, `protocols` says what a connection can do, `errors` how a
call may fail. Connectors import the records of `models`, and neither its tables nor any room above.
"""
