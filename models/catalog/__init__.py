"""The catalog: articles, variants, bundles, and where they are listed.

Entry points: `article` (articles with texts, prices, parts; find one by SKU or number), `listing` (an
article at a channel, and how much of it the channel may sell), `lists` (articles page by page), `records`
(plain data that connectors hand over).
Stock is in `warehouse`. May import `database` and `tenants`.
"""
