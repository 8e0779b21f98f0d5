"""The warehouse: warehouses, levels, ledger, allocation, bins, pick lists, scanning."""
