"""Names in a directory: compared as it compares them, and written so that nothing in them means anything."""

from __future__ import annotations

from collections.abc import Iterable

import ldap.dn
import ldap.filter

from swap.hub.directories.base import canonical


def same(dn: str) -> str:
    """Return what spellings of one DN have in common, "" for what is none."""
    try:
        parts = ldap.dn.str2dn(dn)
    except ldap.DECODING_ERROR:
        return ""
    return ",".join(
        "+".join(sorted(f"{attribute.lower()}={_escaped(value)}" for attribute, value, _ in part)) for part in parts
    )


def _escaped(value: str) -> str:
    return str(ldap.dn.escape_dn_chars(" ".join(canonical(value).split())))


def is_below(inner: str, outer: str) -> bool:
    """Tell whether a DN is below another; both as `same` gives them."""
    return inner.endswith(f",{outer}")


def first_part(dn: str) -> str:
    """Return the filter that finds what has the first part of a DN, among others of that name."""
    return f"(&{''.join(equal(attribute, value) for attribute, value, _ in ldap.dn.str2dn(dn)[0])})"


def dn(attribute: str, value: str, base: str) -> str:
    """Return the DN of what would have that name."""
    return f"{attribute}={ldap.dn.escape_dn_chars(value)},{base}"


def equal(attribute: str, value: str) -> str:
    """Return the filter for one value."""
    return f"({attribute}={ldap.filter.escape_filter_chars(value)})"


def either(filters: Iterable[str]) -> str:
    """Return the filter for what one of several finds."""
    return f"(|{''.join(filters)})"


def both(*filters: str) -> str:
    """Return the filter for what all of several find."""
    return f"(&{''.join(filters)})"
