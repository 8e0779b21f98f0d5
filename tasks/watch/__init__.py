"""What tells people: alarms, and the delivery of mails."""
