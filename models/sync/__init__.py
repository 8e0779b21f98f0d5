"""Sync: cycles, runs, leases, cursors, schedules, outbound queue, rejected records, calls, alarms."""
