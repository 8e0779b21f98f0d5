"""What a connector says about itself; `connectors.registry` lists all connectors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from connectors.protocols.connection import Connection
from connectors.protocols.results import Recorder
from models.tenants.account_kinds import AccountKind

Settings = TypeVar("Settings", bound=BaseModel)
SettingsIn = TypeVar("SettingsIn", bound=BaseModel, contravariant=True)


class Open(Protocol[SettingsIn]):
    """Opens a connection."""

    def __call__(
        self, settings: SettingsIn, secrets: Mapping[str, str], /, *, test: bool, record: Recorder | None
    ) -> Connection:
        """Return an open connection; in test mode its writes are kept here.

        `secrets` hold at least one complete login. `record` is called with every exchange.
        """


@dataclass(frozen=True)
class SecretSpec:
    """A secret that an account may have.

    Secrets with the same `login` are needed together, and one complete login is enough. Afterbuy has two
    logins: by tokens, or by passwords.
    """

    name: str
    login: str = ""


def no_number(_text: str) -> bool:
    """Return False: a system without orders has no order numbers."""
    return False


@dataclass(frozen=True)
class ConnectorSpec(Generic[Settings]):
    """A connector: its kind of account, its settings and secrets, and how to open a connection."""

    kind: AccountKind
    settings: type[Settings]
    open: Open[Settings]
    secrets: tuple[SecretSpec, ...] = ()
    simulator: str = ""
    """The module of the stand-in server, e.g. "connectors.afterbuy.simulator"; empty without one.

    The module has a function `serve` and a class `Switches`. It is only named here, because a simulator
    stands outside the product.
    """
    is_order_number: Callable[[str], bool] = no_number
    """Whether a text may be an order number of the system; the first order import may begin with one."""
    first_settings: Callable[[], dict[str, str]] = dict
    """Returns the settings that a new account begins with."""

    @property
    def logins(self) -> list[list[str]]:
        """The names of the secrets, by login."""
        logins: dict[str, list[str]] = {}
        for secret in self.secrets:
            logins.setdefault(secret.login, []).append(secret.name)
        return list(logins.values())
