"""Every kind of account has a connector, and its connection can do what the kind says."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from connectors.registry import SPECS, open_connection
from models.tenants.account_kinds import KINDS, Capability
from models.tenants.records import AccountData, Mode


def test_every_kind_has_a_connector() -> None:
    """Each connector says for which kind it is."""
    assert {spec().kind.name: spec().kind for spec in SPECS.values()} == dict(KINDS)


@pytest.mark.parametrize("kind", SPECS)
def test_a_connection_can_do_what_its_kind_says(kind: str) -> None:
    spec = SPECS[kind]()
    secrets = {secret.name: "a-secret" for secret in spec.secrets}
    account = AccountData(
        id=1, tenant_id=1, name="shop", kind=kind, mode=Mode.live, settings=spec.first_settings()
    )
    with open_connection(account, secrets, test=True) as connection:
        can = {capability for capability in Capability if getattr(connection, capability) is not None}
    assert can == spec.kind.capabilities


@pytest.mark.parametrize("kind", SPECS)
def test_a_stand_in_is_a_module_that_starts(kind: str) -> None:
    name = SPECS[kind]().simulator
    assert not name or find_spec(name) is not None


def test_names_of_kinds_load_no_connector() -> None:
    """A command that needs only the kinds there are starts without XML, and without HTTP for each of them."""
    code = (
        "import sys, connectors.registry; assert len(connectors.registry.SPECS) > 1; "
        "print(sorted(name for name in sys.modules if name.startswith(('lxml', 'connectors.afterbuy'))))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
