"""What a rule advises, worded as commands of the shell."""

import pytest

from documents.commands import command_of, sentences_of
from models.errors import Action, Advice


@pytest.mark.parametrize(
    ("advice", "line"),
    [
        (Advice(Action.account_list), "warenfluss account list"),
        (Advice(Action.order_unsplit, "4711"), "warenfluss order unsplit 4711"),
        (Advice(Action.order_unsplit), "warenfluss order unsplit ORDER"),
        (
            Advice(Action.account_set, "shop", {"invoices": "warenfluss", "invoices_from": ""}),
            "warenfluss account set shop --set invoices=warenfluss --set invoices_from=DATE",
        ),
        (
            Advice(Action.exchange_rate_set, "nord", {"currency": "SEK", "month": "2026-11"}),
            "warenfluss tenant exchange-rate nord SEK RATE --month 2026-11",
        ),
        (
            Advice(Action.bin_add, "Regal 1; rm", {"warehouse": "B-Ware"}),
            "warenfluss bin add 'Regal 1; rm' --warehouse B-Ware",
        ),
        (Advice(Action.bin_add, "A RATE"), "warenfluss bin add 'A RATE'"),
        (Advice(Action.tenant_choose), "--tenant TENANT"),
    ],
)
def test_a_command_has_its_subject_and_values(advice: Advice, line: str) -> None:
    """In its place, or behind the option of its name; the shell takes each for one word."""
    assert command_of(advice) == line


def test_several_ways_are_told_apart() -> None:
    """Ways to do the same are one sentence, other things to do are another."""
    mails = [
        Advice(Action.account_set, "shop", {"buyer_mails": "all"}),
        Advice(Action.account_set, "shop", {"order_notice": "each"}),
    ]
    assert sentences_of([*mails, Advice(Action.account_list)]) == (
        "`warenfluss account set shop --set buyer_mails=all` or `warenfluss account set shop --set "
        "order_notice=each` changes the settings. `warenfluss account list` shows the accounts."
    )
