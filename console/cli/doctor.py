"""`warenfluss doctor`: what needs a person, and what to do about it."""

from typing import Annotated

import typer

from console.cli.frame import new_command
from console.cli.options import AsJson
from console.cli.output import counted, print_json_list, say, show_cell
from console.machine.health import Problem, ProblemKind, advice_on, find_problems
from documents.commands import sentences_of
from models.sync.records import Cycle

SUBJECTS = {
    ProblemKind.settings: "settings",
    ProblemKind.open_files: "files",
    ProblemKind.database_empty: "database",
    ProblemKind.database_older: "database",
    ProblemKind.database_newer: "database",
    ProblemKind.database_foreign: "database",
    ProblemKind.mail_not_set_up: "mail",
    ProblemKind.mail_server: "mail",
    ProblemKind.mails_given_up: "mail",
    ProblemKind.mails_waiting: "mail",
    ProblemKind.no_prefect: "Prefect",
    ProblemKind.prefect_silent: "Prefect",
    ProblemKind.prefect_named_silent: "Prefect",
    ProblemKind.prefect_login: "Prefect",
    ProblemKind.prefect_refuses: "Prefect",
    ProblemKind.prefect_broken: "Prefect",
    ProblemKind.no_work_pool: "workers",
    ProblemKind.work_pool_paused: "workers",
    ProblemKind.no_worker: "workers",
    ProblemKind.no_account: "accounts",
}
"""What a problem is about if it belongs to no account."""


def doctor(
    logins: Annotated[bool, typer.Option("--logins", help="Also try the login of every account.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what needs a person, and what to do about it; the exit code is 1 if anything is urgent.

    If an account is in test or live mode, Prefect's server must answer, and at least one worker must have
    sent a heartbeat recently.
    """
    problems = list(find_problems(logins=logins))
    urgent = any(problem.urgent for problem in problems)
    if as_json:
        print_json_list(
            {"urgent": problem.urgent, "subject": subject_of(problem), "message": message, "advice": advice}
            for problem in problems
            for message, advice in [explain(problem)]
        )
    else:
        for problem in problems:
            message, advice = explain(problem)
            typer.echo(f"{'PROBLEM' if problem.urgent else 'note'}  {subject_of(problem)}: {message}")
            typer.echo(f"         {advice}")
        if not urgent:
            say("Nothing needs a person.")
    if urgent:
        raise typer.Exit(1)


def subject_of(problem: Problem) -> str:
    """Return what a problem is about: its account, or a part of the installation."""
    return problem.account or SUBJECTS[problem.kind]


def explain(problem: Problem) -> tuple[str, str]:
    """Return what is wrong, and what a person does about it."""
    message, hint = _words(problem)
    return message, " ".join(part for part in (hint, sentences_of(advice_on(problem))) if part)


def _words(problem: Problem) -> tuple[str, str]:
    """Return what is wrong, and what helps besides commands."""
    count, text = problem.count, problem.text
    match problem.kind:
        case ProblemKind.settings:
            return text, "Correct it."
        case ProblemKind.open_files:
            others = f" and {count - 1} more" if count > 1 else ""
            return f"Other users of this machine can read {text}{others}.", "`up` closes them when it starts."
        case ProblemKind.database_empty:
            return "It has no tables yet.", ""
        case ProblemKind.database_older:
            return "It is of an older version.", ""
        case ProblemKind.database_newer:
            return "It was made by a newer version.", "Update the program."
        case ProblemKind.database_foreign:
            return "It holds another program's tables.", "Set WARENFLUSS_DATABASE_URL."
        case ProblemKind.mail_not_set_up:
            return "No mail is sent about failed runs.", text
        case ProblemKind.mail_server:
            return (
                f"The mail server takes no mail: {text}.",
                "Check WARENFLUSS_SMTP_HOST, _PORT, _SECURITY, _USER and _PASSWORD, and the server itself.",
            )
        case ProblemKind.mails_given_up:
            return f"{counted(count, 'mail')} to buyers given up.", ""
        case ProblemKind.mails_waiting:
            return (
                f"{counted(count, 'mail')} waiting, the oldest since {show_cell(problem.at)}.",
                text,
            )
        case ProblemKind.no_prefect:
            return (
                "No server runs, so no cycle runs by itself.",
                "Start one, or set PREFECT_API_URL to a server's address.",
            )
        case ProblemKind.prefect_silent:
            return f"The server at {text} does not answer.", "Start it again."
        case ProblemKind.prefect_named_silent:
            return f"The server at {text} does not answer.", "Start it, or correct PREFECT_API_URL."
        case ProblemKind.prefect_login:
            return (
                f"The server refuses to list its workers ({count}).",
                "Set PREFECT_API_AUTH_STRING to its password, or PREFECT_API_KEY.",
            )
        case ProblemKind.prefect_refuses:
            return f"The server refuses to list its workers ({count}).", "See the server's own log."
        case ProblemKind.prefect_broken:
            return (
                f"The server did not list its workers ({text}).",
                "Try again; then see the server's own log.",
            )
        case ProblemKind.no_work_pool:
            return "Prefect knows no work pool of Warenfluss, so no cycle runs by itself.", ""
        case ProblemKind.work_pool_paused:
            return (
                "The work pool is paused, so no cycle begins.",
                "Resume it on the page Work Pools in the Prefect UI.",
            )
        case ProblemKind.no_worker:
            return (
                f"No worker takes runs; the last sign of one: {show_cell(problem.at) or 'never'}.",
                "One may run on any machine that reaches both servers.",
            )
        case ProblemKind.no_account:
            return "There is none.", ""
        case ProblemKind.draft:
            return "It is a draft: no cycle runs.", ""
        case ProblemKind.account_settings:
            return text, ""
        case ProblemKind.parked:
            return f"{counted(count, 'change')} refused by the channel, or tried too often.", ""
        case ProblemKind.differences:
            return f"{counted(count, 'difference')} between the channel and this database.", ""
        case ProblemKind.rejected:
            return f"{counted(count, 'record')} rejected.", ""
        case ProblemKind.held_orders:
            return f"{counted(count, 'order')} held.", ""
        case ProblemKind.failing:
            error = f" ({text})" if text else ""
            return f"{problem.cycle} fails since {show_cell(problem.at)}, {count} times{error}.", ""
        case ProblemKind.overdue:
            return (
                f"{problem.cycle} has not succeeded since {show_cell(problem.at)}.",
                "See that Warenfluss runs.",
            )
        case ProblemKind.vanished:
            return (
                f"Run {problem.run_id} of {problem.cycle} ended without a word.",
                ""
                if problem.cycle is Cycle.replay
                else "Nothing is lost: the next run continues where it stopped. See that Warenfluss runs.",
            )
        case ProblemKind.login:
            return text, ""


apps = {"doctor": new_command(doctor)}
