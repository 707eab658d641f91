"""Every setting, read from the environment once per process. Documented in `.env.example`."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from worker.domain.outbox import PushTiming
from worker.domain.upkeep import Upkeep
from worker.errors import ConfigurationError
from worker.runtime.home import Home, default_home
from worker.runtime.secret_key import secret_keys


def _postgres_url(url: SecretStr | None) -> SecretStr | None:
    """Accept what people paste (postgres://, postgresql://) and name the driver."""
    if url is None:
        return None
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ValueError("must look like postgresql://user:password@host:5432/database")
    try:
        make_url(f"postgresql+psycopg://{rest}")
    except (ArgumentError, ValueError):
        raise ValueError("must look like postgresql://user:password@host:5432/database") from None
    return SecretStr(f"postgresql+psycopg://{rest}")


def _broker_url(url: SecretStr | None) -> SecretStr | None:
    if url is None:
        return None
    scheme = url.get_secret_value().partition("://")[0]
    if scheme not in {"redis", "rediss", "redis+socket", "unix", "amqp", "amqps"}:
        raise ValueError("must look like redis://host:6379/0")
    return SecretStr(url.get_secret_value().replace("unix://", "redis+socket://", 1))


def _split(keys: object) -> object:
    """Several keys are separated by commas; the first one encrypts."""
    return tuple(key.strip() for key in keys.split(",") if key.strip()) if isinstance(keys, str) else keys


def _fernet_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for key in keys:
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError("every key must be a Fernet key (32 bytes, URL-safe base64)") from None
    return keys


#: A sender of Standard Webhooks repeats a message for days (the specification's example schedule ends after
#: three); as long its key must be known. A week leaves a weekend's outage besides.
MIN_KEPT_DAYS = 7


class Settings(BaseSettings):
    """The settings. Durations are seconds in the environment and `timedelta` in the code."""

    model_config = SettingsConfigDict(
        env_prefix="TICKETWALK_", env_ignore_empty=True, hide_input_in_errors=True, frozen=True
    )

    home: Path = Field(default_factory=default_home)
    database_url: Annotated[SecretStr | None, AfterValidator(_postgres_url)] = None
    redis_url: Annotated[SecretStr | None, AfterValidator(_broker_url)] = None
    secret_keys: Annotated[
        tuple[SecretStr, ...], NoDecode, BeforeValidator(_split), AfterValidator(_fernet_keys)
    ] = ()
    note_quiet_period_seconds: float = Field(2, gt=0, le=3_600)
    note_max_wait_seconds: float = Field(10, gt=0, le=86_400)
    sweep_interval_seconds: float = Field(2, gt=0, le=3_600)
    sending_lease_seconds: float = Field(120, gt=0, le=3_600)
    probe_after_seconds: float = Field(30, gt=0, le=3_600)
    deliveries_per_second: float = Field(1_000, gt=0, le=1_000_000)
    reconcile_interval_seconds: float = Field(300, ge=10, le=86_400)
    check_interval_seconds: float = Field(3_600, ge=60, le=604_800)
    keep_deliveries_days: float = Field(30, ge=MIN_KEPT_DAYS, le=3_650)
    keep_commands_days: float = Field(90, ge=MIN_KEPT_DAYS, le=3_650)
    keep_pushes_days: float = Field(30, ge=MIN_KEPT_DAYS, le=3_650)
    allow_private_hosts: bool = False
    public_url: str = "http://127.0.0.1:8700"
    log_level: str = "INFO"

    @property
    def embedded_postgres(self) -> bool:
        """Whether this home's own PostgreSQL is used."""
        return self.database_url is None

    @property
    def embedded_redis(self) -> bool:
        """Whether this home's own Redis is used."""
        return self.redis_url is None

    @property
    def home_of_servers(self) -> Home:
        """The home, with the places of everything embedded in it."""
        return Home(self.home)

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force, password included: never log it."""
        return (
            self.database_url.get_secret_value() if self.database_url else self.home_of_servers.database_url
        )

    @property
    def broker(self) -> str:
        """The broker URL in force, password included: never log it."""
        return self.redis_url.get_secret_value() if self.redis_url else self.home_of_servers.redis_url

    @property
    def note_quiet_period(self) -> timedelta:
        """How long a draft rests after its last save before it is written."""
        return timedelta(seconds=self.note_quiet_period_seconds)

    @property
    def note_max_wait(self) -> timedelta:
        """How long a draft waits at most after its first unwritten save."""
        return timedelta(seconds=self.note_max_wait_seconds)

    @property
    def push_timing(self) -> PushTiming:
        """How long it may stay open whether a write to a PSA was done."""
        return PushTiming(
            sending_lease=timedelta(seconds=self.sending_lease_seconds),
            probe_after=timedelta(seconds=self.probe_after_seconds),
        )

    @property
    def upkeep(self) -> Upkeep:
        """How often connections are looked after, and how long what is settled is kept."""
        return Upkeep(
            reconcile_every=timedelta(seconds=self.reconcile_interval_seconds),
            check_every=timedelta(seconds=self.check_interval_seconds),
            keep_deliveries=timedelta(days=self.keep_deliveries_days),
            keep_commands=timedelta(days=self.keep_commands_days),
            keep_pushes=timedelta(days=self.keep_pushes_days),
        )

    def keys(self) -> tuple[str, ...]:
        """Return the Fernet keys, the encrypting one first. Embedded: made once and kept in the home."""
        if self.secret_keys:
            return tuple(key.get_secret_value() for key in self.secret_keys)
        if self.embedded_postgres:
            return secret_keys(self.home_of_servers)
        raise ConfigurationError(
            "TICKETWALK_SECRET_KEYS is not set; with a database of your own it must be: "
            "ticketwalk secrets new-key"
        )


@cache
def load_settings() -> Settings:
    """Return this process's settings. Raises ConfigurationError with one line that names the variable."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = f"TICKETWALK_{str(first['loc'][0]).upper()}" if first["loc"] else "the settings"
        raise ConfigurationError(f"{name} {first['msg'].removeprefix('Value error, ')}") from None
