"""What stands on papers and in mails to buyers: records for `documents/`."""
