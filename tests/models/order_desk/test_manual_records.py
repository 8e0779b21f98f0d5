"""Orders that a person writes into a file: what is wrong in it is named by its place."""

import pytest

from models.errors import RuleError
from models.order_desk.manual_records import read_manual_order


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "the file: Input should be an object"),
        ('{"billing": {}, "lines": [], "payment": "invoice"}', "lines: List should have at least 1 item"),
        (
            '{"billing": {}, "lines": [{"article": "MUG"}, {"article": "CUP", "quantity": 0}]}',
            "line 2.quantity: Input should be greater than or equal to 1",
        ),
        (
            '{"billing": {"strasse": "x"}, "lines": [{"article": "A"}], "payment": "invoice"}',
            "billing.strasse",
        ),
        (
            '{"billing": {}, "lines": [{"article": "A", "price": "1.005"}], "payment": "invoice"}',
            "line 1.price: an amount is at least zero, in whole cents",
        ),
        ('{"billing": {}, "lines": [{"article": "A", "price": "NaN"}], "payment": "card"}', "line 1.price"),
        ('{"billing": {"city": "A\\u0000"}, "lines": [{"article": "A"}], "payment": "card"}', "billing.city"),
        (
            '{"billing": {}, "lines": [{"article": "A"}], "payment": "card", "memo": "\\u0000"}',
            "memo: it holds characters that cannot be printed",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named(text: str, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_manual_order(text)
    assert said in str(caught.value)
