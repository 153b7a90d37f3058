"""Addresses as others may see them."""

import re
from typing import Any


def public(url: str) -> str:
    """Address without user name, password and query, which may hold a signature: for logs and records.

    Parameters
    ----------
    url : str
        A path, which has no `://`, is left as it is.

    Returns
    -------
    str
    """
    scheme, mark, rest = url.partition("://")
    # not by urlsplit, which refuses some addresses
    host, slash, path = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def public_settings(settings: Any) -> Any:
    """Make the addresses in settings public: for pages that others may read.

    Parameters
    ----------
    settings : object
        Sections, lists or single values of a configuration.

    Returns
    -------
    object
        A copy.
    """
    if isinstance(settings, dict):
        return {key: public_settings(value) for key, value in settings.items()}
    if isinstance(settings, list):
        return [public_settings(value) for value in settings]
    return public(settings) if isinstance(settings, str) else settings
