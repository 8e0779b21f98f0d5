"""What a connector says of itself; `connectors.registry` lists all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from connectors.http.transport import Recorder
from connectors.protocols.connection import Connection
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

    All secrets with the same `login` are needed together; one complete login is enough. Afterbuy has two:
    by tokens, or by passwords.
    """

    name: str
    login: str = ""


def no_number(_text: str) -> bool:
    """Return False: of a system without orders no text is an order number."""
    return False


@dataclass(frozen=True)
class ConnectorSpec(Generic[Settings]):
    """A connector: for which kind of account, what may be set, and how to open a connection."""

    kind: AccountKind
    settings: type[Settings]
    open: Open[Settings]
    secrets: tuple[SecretSpec, ...] = ()
    simulator: str = ""
    """The module of its stand-in server, e.g. "connectors.afterbuy.simulator"; empty without one.

    It has a function `serve` and a class `Switches`. It is a name and no import: a simulator stands outside
    the product.
    """
    is_order_number: Callable[[str], bool] = no_number
    """Whether a text may be an order number of the system: where the first order import begins."""
    first_settings: Callable[[], dict[str, str]] = dict
    """Returns the settings that a new account begins with."""

    @property
    def logins(self) -> list[list[str]]:
        """The names of the secrets, by login."""
        logins: dict[str, list[str]] = {}
        for secret in self.secrets:
            logins.setdefault(secret.login, []).append(secret.name)
        return list(logins.values())
