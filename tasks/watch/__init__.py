"""What informs people: alarms about failing cycles, and the delivery of queued mails.

Entry points: `alarms` (failed, crashed, vanished and overdue runs, and recovery), `mail_delivery` (hand
queued mails to the mail server).
May import no other package of tasks.
"""
