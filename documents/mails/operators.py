"""What all mails to operators share: subject, templates, and links to Prefect."""

from collections.abc import Mapping

from documents.text import render
from models.mails.records import MailContent


def operator_mail(template: str, subject: str, language: str, values: Mapping[str, object]) -> MailContent:
    """Return a mail from the templates `<template>.txt` and `<template>.html`, which also get its subject."""
    return MailContent(
        subject=f"[Warenfluss] {subject}",
        text=render(f"{template}.txt", language, subject=subject, **values),
        html=render(f"{template}.html", language, subject=subject, **values),
    )


def run_link(public_url: str, flow_run_id: str) -> str:
    """Return the address of a run in the Prefect UI; without a run id, of the list of runs.

    Source: `prefect.utilities.urls` and the routes of the UI in Prefect 3.8.8.
    """
    base = public_url.rstrip("/")
    return f"{base}/runs/flow-run/{flow_run_id}" if flow_run_id else f"{base}/runs"
