"""Flows: one Prefect flow for each cycle, in a file of the cycle's name.

A flow states the order of its tasks and nothing else; `cycle` holds what all flows share: hooks, and how a
run ends. Prefect loads a flow by its entrypoint, e.g. `flows.order_import.order_import`.
May import `tasks` and `models`.
"""
