"""The secrets of accounts, in one Prefect Secret block for each account."""

import hashlib
from collections.abc import Mapping
from typing import Any, cast

from prefect.blocks.system import Secret

from models.database.session import read_scope
from models.tenants.account import installation_key


def block_name(account: str) -> str:
    """Return the name of an account's block. Two databases on one Prefect server do not share blocks."""
    with read_scope() as session:
        key = installation_key(session)
    readable = "".join(sign if sign.isalnum() else "-" for sign in account.lower())
    # Names that differ only in case, or in "_" and "-", must not share a block.
    digest = hashlib.sha256(account.encode()).hexdigest()[:8]
    return f"warenfluss-{key}-{readable}-{digest}"


def load_secrets(account: str) -> dict[str, str]:
    """Return an account's secrets by name; empty if none were ever saved."""
    try:
        block = cast(Secret[Any], Secret.load(block_name(account), _sync=True))  # type: ignore[call-arg]
    except ValueError:
        return {}
    return {str(name): str(secret) for name, secret in cast(dict[str, Any], block.get()).items()}


def save_secrets(account: str, secrets: Mapping[str, str]) -> None:
    """Replace an account's secrets."""
    Secret(value=dict(secrets)).save(block_name(account), overwrite=True, _sync=True)  # type: ignore[call-arg]
