"""What every step's options share."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Options(BaseModel):
    """Options of one step: frozen, typed, refusing unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def option(default: Any, meaning: str, *, unit: str = "", **bounds: Any) -> Any:
    """Return a pydantic field with its one line of meaning and, where it has one, its unit."""
    return Field(default, description=meaning, json_schema_extra={"unit": unit} if unit else None, **bounds)
