"""What an outside system may be able to do: one protocol for each capability, with its records.

Start with `connection`: it holds one optional field for each capability. May import `models` records only.
"""
