"""Secrets in text that others may see: messages, logs and what stands beside results."""

import logging
import os
import re

_MASK = "***"
_NAMES = r"[\w.-]*(?:token|secret|password|passwd|signature|credential|api[_-]?key|access[_-]?key)[\w-]*"
_PATTERNS = (  # the group stays
    re.compile(r"(://)[^/\s'\"`]+(?=@)"),  # user name and password of an address
    re.compile(rf"([?&](?:{_NAMES}|sig|key)=)[^&\s'\"`)>]+", re.IGNORECASE),
    re.compile(r"(\b(?:Bearer|Basic) +)[A-Za-z0-9+/=._~-]{8,}"),
    re.compile(r"(\bhf_)[A-Za-z0-9]{16,}"),  # the hub's tokens
)
_VARIABLES = re.compile(r"(TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY)$")
_SHORTEST = 8  # characters: a shorter value of a variable may be a common word


def mask(text: str) -> str:
    """Put stars in the place of secrets: in addresses, in headers, and what secret variables hold.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{_MASK}", text)
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _VARIABLES.search(name):
            text = text.replace(value, _MASK)
    return text


class MaskingFormatter(logging.Formatter):
    """A formatter whose lines, tracebacks among them, hold no secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record.

        Parameters
        ----------
        record : logging.LogRecord

        Returns
        -------
        str
        """
        return mask(super().format(record))
