"""Invoicing: invoices of shipped goods, cancellation of invoices, and credit notes for returns.

Entry points: `invoices` (preview, issue, find orders to invoice), `credit_notes` (cancel an invoice, credit a
part), `return_credits` (credit a received return), `sums` (tax and totals of any priced paper).
Documents and number series are in `accounting`; nothing here draws a PDF.
May import `database`, `tenants`, `tax`, `orders`, `accounting` and `fulfilment`.
"""
