"""The environment of every command and service (design section 12), read once at start.

Variables have the prefix ``MAILWEIR_``. A secret may also come from a file named by ``<variable>_FILE``.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from services.common.errors import ConfigurationError
from services.common.secret import MASK, Secret

PREFIX = "MAILWEIR_"
SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def _secret(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


SecretText = Annotated[Secret, BeforeValidator(_secret), PlainSerializer(lambda _: MASK)]


def _database_url(value: Secret) -> Secret:
    """Refuse what is no address of Postgres, in words that do not repeat it."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(value.reveal())
        if parts.scheme.partition("+")[0] in {"postgresql", "postgres"} and (parts.port is None or parts.port > 0):
            return value
    raise ValueError("write it as postgresql://USER:PASSWORD@HOST:PORT/NAME")


DatabaseUrl = Annotated[SecretText, AfterValidator(_database_url)]


class SecretFiles(PydanticBaseSettingsSource):
    """Values of ``<variable>_FILE``: the text without the line end; a variable and its file exclude each other."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Text of the file that the environment names for this field, or None."""
        variable = f"{self.config.get('env_prefix', '')}{field_name}".upper()
        path = os.environ.get(f"{variable}_FILE")
        if not path or Secret not in _types(field.annotation):
            return None, field_name, False
        if os.environ.get(variable):
            raise ConfigurationError(f"{variable} and {variable}_FILE are both set: keep one of them")
        return _read(variable, Path(path)), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All fields for which a file is named."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: text for name, text in found.items() if text is not None}


def _types(annotation: object) -> tuple[object, ...]:
    """The members of ``SecretText | None``, with ``Annotated`` taken off."""
    return tuple(getattr(member, "__origin__", member) for member in getattr(annotation, "__args__", (annotation,)))


def _read(variable: str, path: Path) -> str:
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigurationError(f"{variable}_FILE: {path}: {reason}") from None


class Settings(BaseSettings):
    """What all commands and services share. Without ``kafka`` everything works embedded in ``home``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    home: Path = Field(Path("~/.mailweir"), description="Folder of the embedded stores and of local state.")
    database_url: DatabaseUrl | None = Field(None, description="SQLAlchemy URL of Postgres; none: embedded Postgres.")
    kafka: str | None = Field(None, description="Bootstrap servers host:port[,host:port...]; none: embedded runtime.")
    s3_endpoint: str | None = Field(None, description="http(s)://host:port of the object store; none: a folder.")
    s3_bucket: str = Field("mailweir", min_length=3, max_length=63, description="Bucket of mail; S3 allows 3 to 63.")
    s3_access_key: SecretText | None = Field(None, description="Access key of the object store.")
    s3_secret_key: SecretText | None = Field(None, description="Secret key of the object store.")
    master_key: SecretText | None = Field(None, description="Wraps the keys of stored secrets; none: a file in home.")
    log: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest level that is logged.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, environment, then files named by the environment."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @property
    def home_path(self) -> Path:
        """``home`` with ``~`` resolved. Raises ConfigurationError when no folder is known for it."""
        try:
            return self.home.expanduser()
        except RuntimeError as error:
            raise ConfigurationError(f"MAILWEIR_HOME: {self.home}: there is no such user's folder; name one") from error

    def require_kafka(self) -> str:
        """Bootstrap servers. Raises ConfigurationError without MAILWEIR_KAFKA."""
        if self.kafka is None:
            raise ConfigurationError(
                "MAILWEIR_KAFKA is not set: name the brokers, for example MAILWEIR_KAFKA=kafka:9092"
            )
        return self.kafka

    def require_database(self) -> str:
        """Database URL in clear, for the engine only. Raises ConfigurationError without one."""
        if self.database_url is None:
            raise ConfigurationError("MAILWEIR_DATABASE_URL (or MAILWEIR_DATABASE_URL_FILE) is not set")
        return self.database_url.reveal()


def load() -> Settings:
    """The shared settings. Raises ConfigurationError with all faults in one message."""
    return read(Settings)


def read(kind: type[SettingsT]) -> SettingsT:
    """Settings of one kind from the environment. Raises ConfigurationError with all faults in one message."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        raise ConfigurationError("; ".join(_fault(prefix, fault) for fault in error.errors())) from None


def _fault(prefix: str, fault: Mapping[str, Any]) -> str:
    name = "_".join(str(part) for part in fault["loc"] if isinstance(part, str))
    return f"{prefix}{name}".upper() + f": {fault['msg'].removeprefix('Value error, ')}"
