"""The steps of one process of a storm, drawn from a seed, each in its own transaction."""

import os
import random
from collections import Counter
from decimal import Decimal

from sqlmodel import Session, select

from models.database.session import in_transaction
from models.errors import RuleError
from models.fulfilment.dispatch import record_shipment
from models.fulfilment.holding import cancel_order
from models.fulfilment.shipments import ParcelData
from models.intake.orders import save_orders
from models.orders.history import Actor
from models.orders.match_rules import DEFAULT_RULES
from models.orders.order import Order
from models.orders.records import OrderData
from models.payments.payment import record_payment
from models.sync.delivery import claim_due, mark_sent
from models.sync.records import OutboundKind
from models.tenants.account import Account, account_data
from models.tenants.locks import lock_tenants
from models.warehouse.ledger import set_on_hand
from models.warehouse.sellable import queue_account_listings
from tests.support.builders import PLACED_AT, get_order, make_line, make_order

SKUS = ("CUP", "MUG", "POT", "SET")
ORDERS = 8
WEIGHTS = {"tell": 6, "count": 3, "cancel": 2, "ship": 2, "pay": 4, "export": 2, "touch": 1}


def told(number: int, dice: random.Random) -> OrderData:
    """Return an order as the channel may report it at some moment: with other quantities, or two merged."""
    absorbs = [number] if number % 2 or dice.random() < 0.7 else [number, number + 1]
    lines = [
        make_line(f"{each}-{sku}", sku, dice.randint(1, 3))
        for each in absorbs
        for sku in (SKUS[each % 4], SKUS[(each + 1) % 4])
    ]
    return make_order(f"O-{number}", *lines, cancelled=dice.random() < 0.05)


def tell(session: Session, dice: random.Random) -> str:
    """Import a page of orders in a random sequence, while other processes import the same."""
    account = account_data(session.exec(select(Account).where(Account.name == "nord")).one())
    page = [told(number, dice) for number in dice.sample(range(ORDERS), 3)]
    save_orders(session, account, DEFAULT_RULES, page)
    return "told"


def take(session: Session, dice: random.Random, kind: str, articles: list[int], warehouse_id: int) -> str:
    """Take one step; return its result. Raises: RuleError."""
    if kind == "tell":
        return tell(session, dice)
    account = session.exec(select(Account).where(Account.name == "nord")).one()
    if kind == "count":
        counted = {article: dice.randint(0, 12) for article in dice.sample(articles, 2)}
        set_on_hand(session, warehouse_id, counted)
    elif kind == "export":
        lock_tenants(session, [account.tenant_id])
        for row in claim_due(session, account.id or 0, OutboundKind.stock, 3, os.getpid()):
            mark_sent(session, row, row.version)
    elif kind == "touch":
        queue_account_listings(session, account.id or 0)
    else:
        number = f"O-{dice.randrange(ORDERS)}"
        if session.exec(select(Order.id).where(Order.external_id == number)).first() is None:
            return "unknown"
        order = get_order(session, number)
        if kind == "cancel":
            cancel_order(session, order, actor=Actor.person)
        elif kind == "ship":
            record_shipment(session, order, "DHL", [ParcelData()], PLACED_AT)
        else:
            record_payment(session, account_data(account), order, Decimal("1.00"), PLACED_AT)
    return kind


def rage(seed: int, worker: int, steps: int, articles: list[int], warehouse_id: int) -> Counter[str]:
    """Take all steps of one process; return how often each kind was done or refused."""
    dice = random.Random(f"{seed} {worker}")
    done: Counter[str] = Counter()
    for _ in range(steps):
        (kind,) = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
        # A retried step draws the same numbers again.
        fate = dice.random()

        def step(session: Session, kind: str = kind, fate: float = fate) -> str:
            return take(session, random.Random(fate), kind, articles, warehouse_id)

        try:
            done[in_transaction(step)] += 1
        except RuleError:
            done["refused"] += 1
    return done
