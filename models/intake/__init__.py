"""Intake: how a page of records from a channel or a spreadsheet becomes rows.

Entry points: `orders` (save a page of orders), `articles` (save a page of articles), `article_sheets`
(articles from a spreadsheet), `activation` (an account changes its mode). `order_changes` and `merges`
follow orders that the channel changed or merged; `order_deletion` deletes test orders.
May import `database`, `catalog`, `tenants`, `sync`, `orders`, `mails`, `warehouse`, `fulfilment` and
`payments`.
"""
