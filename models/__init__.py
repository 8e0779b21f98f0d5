"""The domain: tables, rules and queries. A session is the first argument, and only the caller commits.

Packages from the ground up: `database`; `tenants`, `catalog`, `tax`, `sync`; `orders`, `warehouse`,
`accounting`, `mails`; `fulfilment`, `payments`, `invoicing`, `papers`; `intake`, `order_desk`,
`reconciliation`; `privacy`, `upkeep`. A test lists which package may import which. `errors`, `settings`,
`clock`, `values` and `countries` are for all of them; `migrations` changes the schema.
"""
