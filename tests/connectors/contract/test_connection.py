"""What holds for every connection, whatever it can do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from connectors.errors import AccountError
from connectors.protocols.connection import Connection
from connectors.registry import SPECS, open_connection
from models.tenants.account_kinds import KINDS, Capability
from models.tenants.options import options_model
from models.tenants.records import AccountData, Mode
from tests.connectors.contract.rig import RIGS, Rig, rig_of


@pytest.fixture(params=RIGS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    yield from rig_of(request.param)


def test_every_kind_has_a_connector_and_each_simulator_a_rig() -> None:
    """A new kind of account is not complete without them."""
    assert {spec().kind.name: spec().kind for spec in SPECS.values()} == dict(KINDS)
    assert set(RIGS) == {name for name, spec in SPECS.items() if spec().simulator}


@contextmanager
def opened(kind: str) -> Iterator[Connection]:
    """Yield a connection to a kind's stand-in; without one, a connection with the first settings alone."""
    if kind in RIGS:
        with RIGS[kind]() as rig, rig.open(test=True) as connection:
            yield connection
        return
    spec = SPECS[kind]()
    account = AccountData(
        id=1,
        tenant_id=1,
        name="shop",
        kind=kind,
        mode=Mode.live,
        settings=spec.first_settings(),
        options=options_model(spec.kind)(),
    )
    secrets = {secret.name: "a-secret" for secret in spec.secrets}
    with open_connection(account, secrets, test=True) as connection:
        yield connection


@pytest.mark.parametrize("kind", SPECS)
def test_a_connection_can_do_exactly_what_its_kind_says(kind: str) -> None:
    """No capability is missing, and none is there that no cycle would ever ask for."""
    with opened(kind) as connection:
        can = {capability for capability in Capability if getattr(connection, capability) is not None}

    assert can == KINDS[kind].capabilities


@pytest.mark.parametrize("kind", SPECS)
def test_settings_of_a_connector_have_names_of_their_own(kind: str) -> None:
    """One word of a command must not set two things."""
    spec = SPECS[kind]()

    assert set(spec.settings.model_fields).isdisjoint(options_model(spec.kind).model_fields)


def test_the_clock_is_read_in_utc(rig: Rig) -> None:
    with rig.open() as connection:
        assert abs((connection.clock.check() - datetime.now(UTC)).total_seconds()) < 30


def test_a_refused_login_is_an_account_error_without_the_secrets(rig: Rig) -> None:
    with rig.open() as connection:
        rig.refuse_next_login()
        with pytest.raises(AccountError) as caught:
            connection.clock.check()
    assert not any(secret in str(caught.value) for secret in rig.secrets.values())
