"""A connector of each family that does little but declare itself.

Each module is what a package below `connectors/` begins as (`docs/adding-a-connector.md`); its `KIND` would
stand in `models/tenants/account_kinds.py`.
"""
