"""Spreadsheets (CSV, XLSX): read, check and save them, and write exports.

Entry points: `files` (open and write a file), `columns` (headings and cell formats), and one module for
each sheet: `articles`, `stock`, `bins`, `tracking` (a carrier's file), `bookings` (export for accounting).
Needs no Prefect run; the command line calls it directly. May import no other package of tasks.
"""
