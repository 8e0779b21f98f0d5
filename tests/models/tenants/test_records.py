"""What a tenant says of its bank and its mails is checked, and kept in one form."""

from typing import Any

import pytest

from models.tenants.records import BankData, MailOptions


@pytest.mark.parametrize(
    ("record", "values", "fault"),
    [
        (BankData, {"holder": "A", "iban": "DE02120300000000202052"}, "check digits"),
        (BankData, {"holder": "A", "iban": "DE0212030000000020205"}, "length"),
        (BankData, {"iban": "DE02120300000000202051"}, "holder"),
        (BankData, {"holder": "A\nB"}, "one line"),
        (BankData, {"bic": "SOLADE"}, "BIC"),
        (BankData, {"days": 0}, "greater than or equal to 1"),
        (MailOptions, {"sender_address": "a@b.example\nBcc: c@d.example"}, "name@host"),
        (MailOptions, {"reply_to": "a@b.example, c@d.example"}, "name@host"),
        (MailOptions, {"sender_name": "A\r\nBcc: c@d.example"}, "one line"),
        (MailOptions, {"colour": "red"}, "#2f4f6f"),
        (MailOptions, {"payment_link": "http://pay.example"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{number.__class__}"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{total}"}, "https://"),
        (MailOptions, {"payment_link": "https://pay.example/{"}, "https://"),
        (MailOptions, {"tracking_links": {"X": "javascript:alert(1)"}}, "https://"),
    ],
)
def test_what_a_tenant_sets_is_checked(record: Any, values: dict[str, Any], fault: str) -> None:
    """Wrong account numbers, links that run something, and what would change a mail's head."""
    with pytest.raises(ValueError, match=fault):
        record.model_validate(values)


def test_good_settings_are_kept_in_one_form() -> None:
    """Blanks and case of an IBAN and a BIC, the host of an address, a colour."""
    bank = BankData.model_validate({"holder": " Änne ", "iban": "nl91 abna 0417 1643 00", "bic": "abnanl2a"})
    assert (bank.holder, bank.iban, bank.bic) == ("Änne", "NL91ABNA0417164300", "ABNANL2A")
    options = MailOptions.model_validate({"reply_to": "Laden@Nord.Example", "colour": "#AABB00"})
    assert (options.reply_to, options.colour) == ("Laden@nord.example", "#aabb00")
