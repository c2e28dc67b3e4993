"""What every section of a parameters file has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A section: unknown keys are errors, and a key without a value counts as not given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = cls.known()
        return {key: item for key, item in value.items() if item is not None or key not in known}

    @classmethod
    def known(cls) -> dict[str, str]:
        """The keys as a file writes them, with the names of their attributes."""
        return {field.alias or name: name for name, field in cls.model_fields.items()}
