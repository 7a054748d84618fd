"""`Watermark`: a producer's word that all events up to a moment have been sent to this partition."""

from typing import Literal

from schemas.contract import Event
from schemas.event_time import Timestamp


class Watermark(Event):
    """A control event on the predictions or feedback topic: event time has reached `timestamp` here."""

    type: Literal["watermark"]
    timestamp: Timestamp
