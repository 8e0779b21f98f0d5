"""Tax: which VAT law applies to a sale, and at which rate. Pure functions, no session.

Entry points: `treatment` (the tax case of a sale and the rate on its invoice), `rates` (VAT rates of the
member states), `options` (what a tenant may set), `records` (the tax cases).
May import `tenants`.
"""
