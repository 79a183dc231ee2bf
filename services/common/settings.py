"""The environment of every command and service (docs/settings.md), read once at start.

Variables have the prefix ``MAILWEIR_``. A secret may also come from a file named by ``<variable>_FILE``.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic.fields import FieldInfo

from services.common.environment import PREFIX, told
from services.common.errors import ConfigurationError
from services.common.secret import MASK, Secret

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_DATABASES = ("postgresql", "postgres", "postgresql+psycopg2")
_BROKER = re.compile(r"(?:\[[\w:.%]+\]|[\w.-]+)(?::(\d{1,5}))?")


def _secret(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(lambda _: MASK)]


def _database_url(value: Secret) -> Secret:
    """Refuse what is no address of Postgres, in words that do not repeat it."""
    _, _, password = value.reveal().partition("?")[0].partition("://")[2].partition(":")
    if password.count("@") > 1:  # what follows the first would be taken, and told, as the host
        raise ValueError("in the password write %40 for @, %3A for :, %2F for / and %25 for %")
    with contextlib.suppress(ValueError):
        parts = urlsplit(value.reveal())
        if parts.scheme in _DATABASES and (parts.port is None or parts.port > 0):
            return value
    raise ValueError("write it as postgresql://USER:PASSWORD@HOST:PORT/NAME")


DatabaseUrl = Annotated[SecretText, AfterValidator(_database_url)]


def _endpoint(value: str) -> str:
    """Refuse what is no address of an object store."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(value)
        plain = not (parts.path.strip("/") or parts.query or parts.username)
        if parts.scheme in {"http", "https"} and parts.hostname and plain and (parts.port is None or parts.port > 0):
            return value.rstrip("/")
    raise ValueError("write it as http://HOST:PORT or https://HOST:PORT, without a path")


def _brokers(value: str) -> str:
    """Refuse what names no brokers."""
    brokers = [each.strip() for each in value.split(",")]
    found = [_BROKER.fullmatch(each) for each in brokers]
    if not all(each and 0 < int(each[1] or 9092) < 65_536 for each in found):
        raise ValueError("write it as HOST:PORT[,HOST:PORT...], for example kafka:9092 or [::1]:9092")
    return ",".join(brokers)


def _bucket(value: str) -> str:
    """Refuse what no object store takes; without one the bucket is a folder."""
    if not _BUCKET.fullmatch(value):
        raise ValueError("write 3 to 63 of a-z, 0-9, - and ., the first and last no sign")
    return value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Bucket = Annotated[str, AfterValidator(_bucket)]
Level = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
Brokers = Annotated[str, AfterValidator(_brokers)]


class FromEnvironment(BaseModel):
    """Settings whose fields are variables: ``prefix`` and the name of the field, or the alias of the field."""

    prefix: ClassVar[str] = PREFIX
    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, populate_by_name=True
    )

    @classmethod
    def variable(cls, name: str) -> str:
        """The variable of a field."""
        alias = cls.model_fields[name].validation_alias
        return alias if isinstance(alias, str) else f"{cls.prefix}{name.upper()}"

    def faults(self) -> Iterator[str]:
        """What is wrong with values that are right one by one, in words that name the variables."""
        yield from ()


SettingsT = TypeVar("SettingsT", bound=FromEnvironment)


class Settings(FromEnvironment):
    """What all commands and services share. Without ``kafka`` everything works embedded in ``home``."""

    home: Path = Field(Path("~/.mailweir"), description="Folder of the embedded stores and of local state.")
    database_url: DatabaseUrl | None = Field(None, description="SQLAlchemy URL of Postgres; none: embedded Postgres.")
    kafka: Brokers | None = Field(None, description="Brokers host:port[,host:port...]; none: embedded runtime.")
    s3_endpoint: Endpoint | None = Field(None, description="http(s)://host:port of the object store; none: a folder.")
    s3_bucket: Bucket = Field("mailweir", description="Bucket of mail.")
    s3_access_key: SecretText | None = Field(None, description="Access key of the object store.")
    s3_secret_key: SecretText | None = Field(None, description="Secret key of the object store.")
    master_key: SecretText | None = Field(None, description="Wraps the keys of stored secrets; none: a file in home.")
    log: Level = Field("info", description="Lowest level that is logged.")

    def faults(self) -> Iterator[str]:
        """An object store wants both keys."""
        if self.s3_endpoint is not None:
            keys = {"MAILWEIR_S3_ACCESS_KEY": self.s3_access_key, "MAILWEIR_S3_SECRET_KEY": self.s3_secret_key}
            yield from (f"{name} (or {name}_FILE) is not set" for name, key in keys.items() if key is None)

    @property
    def home_path(self) -> Path:
        """``home`` with ``~`` resolved. Raises ConfigurationError when no folder is known for it."""
        try:
            return self.home.expanduser()
        except RuntimeError as error:
            raise ConfigurationError(f"MAILWEIR_HOME: {self.home}: there is no such user's folder; name one") from error


class Database(FromEnvironment):
    """What those want who work on no embedded Postgres."""

    database_url: DatabaseUrl = Field(description="write it as postgresql://USER:PASSWORD@HOST:PORT/NAME")


def load() -> Settings:
    """The shared settings. Raises ConfigurationError with all faults in one message."""
    return read(Settings)


def read(kind: type[SettingsT]) -> SettingsT:
    """Settings of one kind from the environment. Raises ConfigurationError with all faults in one message."""
    settings, faults = _read(kind)
    if settings is None or faults:
        raise ConfigurationError("; ".join(faults))
    return settings


def check(*kinds: type[FromEnvironment]) -> None:
    """Read settings of several kinds. Raises ConfigurationError with the faults of all in one message."""
    if faults := dict.fromkeys(fault for kind in kinds for fault in _read(kind)[1]):
        raise ConfigurationError("; ".join(faults))


def _read(kind: type[SettingsT]) -> tuple[SettingsT | None, list[str]]:
    """The settings, and all that is wrong: text by text, then with those together that are right."""
    variables = {kind.variable(name): name for name in kind.model_fields}
    secrets = {variable for variable, name in variables.items() if _is_secret(kind.model_fields[name])}
    given = told(variables, secrets)
    settings, wrong = _made(kind, {variables[name]: text for name, text in given.texts.items()})
    faults = {**wrong, **given.faults}
    if faults:
        right = {variables[name]: text for name, text in given.texts.items() if name not in faults}
        settings, _ = _made(kind, right)
    joint = settings.faults() if settings else ()
    return settings, [*faults.values(), *(text for text in joint if not any(name in text for name in faults))]


def _made(kind: type[SettingsT], values: dict[str, str]) -> tuple[SettingsT | None, dict[str, str]]:
    try:
        return kind.model_validate(values), {}
    except ValidationError as error:
        return None, dict(_fault(kind, fault) for fault in error.errors())


def _is_secret(field: FieldInfo) -> bool:
    """Whether its type is ``Secret`` or ``SecretText | None``, with ``Annotated`` taken off."""
    members = getattr(field.annotation, "__args__", (field.annotation,))
    return any(getattr(member, "__origin__", member) is Secret for member in members)


def _fault(kind: type[FromEnvironment], fault: Mapping[str, Any]) -> tuple[str, str]:
    """The variable, and what is wrong with it. Pydantic names a field, or what stands in for it, its alias."""
    fields = {kind.variable(name): field for name, field in kind.model_fields.items()}
    place = str(fault["loc"][0])
    variable = kind.variable(place) if place in kind.model_fields else place
    if fault["type"] != "missing":
        return variable, f"{variable}: {fault['msg'].removeprefix('Value error, ')}"
    or_file = f" (or {variable}_FILE)" if _is_secret(fields[variable]) else ""
    return variable, f"{variable}{or_file} is not set: {fields[variable].description}"
