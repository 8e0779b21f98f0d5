"""Outbound tasks: send queued updates (stock, payments, shipments, cancellations) to a channel.

Entry points: `delivery` claims a batch, builds it from the current rows, sends it and saves each answer; an
update whose answer was lost is read back before it is sent again. `subjects` has the table of what can be
sent, one module for each: `stock`, `payments`, `shipments`, `cancellations`.
The queue is in `models.sync`. May import `tasks.run`.
"""
