"""`DeadLetter`: an event that broke its contract.

On Kafka the value is the original bytes, and what this says of them stands in headers.
"""

from typing import Literal

from pydantic import Field

from schemas.contract import Record

DeadLetterReason = Literal[
    "not_json", "contract", "unknown_model", "task", "future_timestamp", "too_large", "missing_value"
]


class DeadLetter(Record):
    """Where the event stood and why it was refused."""

    id: str
    topic: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    reason: DeadLetterReason
    message: str = Field(description="Where in the event, what was found and what is allowed")
    key: str | None = Field(None, description="The original key, base64")
    value: str | None = Field(None, description="The original bytes, base64")
