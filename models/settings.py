"""Settings of one installation, read from environment variables or a `.env` file."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from models.errors import SettingsError
from models.values import split_at_commas

PREFIX = "WARENFLUSS_"
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def project_folder() -> Path:
    """Return the checkout if the program runs from one, else the working directory."""
    checkout = Path(__file__).resolve().parents[1]
    return checkout if (checkout / "pyproject.toml").exists() else Path.cwd()


class Settings(BaseSettings):
    """What an installation can set; an environment variable is the field's name with prefix `WARENFLUSS_`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file_encoding="utf-8", extra="ignore")

    data_dir: Path = Field(default_factory=lambda: project_folder() / "data")
    database_url: str = ""
    language: Literal["de", "en"] = "de"

    public_url: AnyHttpUrl = AnyHttpUrl("http://127.0.0.1:4200")
    """Address at which people reach the Prefect UI; links in mails begin with it."""
    prefect_host: str = "127.0.0.1"
    prefect_port: int = Field(default=4200, ge=1, le=65535)
    prefect_names: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Further host names to which Prefect's server answers, separated by commas."""
    run_other_flows: bool = False
    """Whether the worker also runs flows, commands and environments that are not Warenfluss's."""

    smtp_host: str = ""
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    mail_from: str = "warenfluss@localhost"
    mail_to: Annotated[list[str], NoDecode] = Field(default_factory=list)
    """Operators' addresses, separated by commas."""

    overdue_factor: float = Field(default=3.0, ge=1)
    """A cycle is reported as overdue when its last success is this many intervals ago."""
    retry_delays: Annotated[list[float], NoDecode] = Field(default=[5.0, 30.0, 120.0], min_length=1)
    """Seconds before each further try of a step after a temporary error, separated by commas."""
    keep_calls_days: int = Field(default=30, ge=1)
    """How long the log of calls to outside systems is kept."""
    keep_history_days: int = Field(default=90, ge=15)
    """How long ended runs, closed alarms, mails to operators and settled rejected records are kept.

    At least 15 days, because failed runs are looked up in the last fourteen.
    """
    reminder_hours: float = Field(default=24.0, gt=0)

    _split_lists = field_validator("mail_to", "prefect_names", "retry_delays", mode="before")(split_at_commas)

    @field_validator("mail_to")
    @classmethod
    def _need_addresses(cls, value: list[str]) -> list[str]:
        for address in value:
            if address.count("@") != 1 or any(sign in address for sign in " \r\n<>"):
                raise ValueError("every address needs the form name@host")
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @model_validator(mode="after")
    def _complete_database_url(self) -> Self:
        if not self.database_url:
            self.database_url = f"sqlite:///{self.data_dir / 'warenfluss.db'}"
        try:
            url = make_url(self.database_url)
        except ArgumentError:
            raise ValueError("database_url must look like sqlite:///FILE or postgresql://…") from None
        name = url.get_backend_name()
        if name not in DRIVERS:
            raise ValueError("database_url must begin with sqlite:/// or postgresql://")
        self.database_url = url.set(drivername=DRIVERS[name]).render_as_string(hide_password=False)
        return self


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings, read once per process.

    Raises: SettingsError, with one sentence that names the variable and its valid values.
    """
    try:
        return Settings(_env_file=os.environ.get(f"{PREFIX}ENV_FILE", project_folder() / ".env"))
    except ValidationError as error:
        # The message does not repeat the value: it may be a password.
        parts = [
            f"{PREFIX}{'_'.join(str(part) for part in item['loc']).upper() or 'DATABASE_URL'}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError(
            f"A setting is wrong ({'; '.join(parts)}); set it in the environment or in .env."
        ) from None
