"""Who may sign in.  Only values: nothing here asks a directory."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from swap.settings.base import Location, Model, Seconds


class People(Model):
    """Who may sign in."""

    authenticator: Literal["file"] = Field(
        default="file", description="How people sign in; `file` is the demo's and runs on loopback only."
    )
    file: Location | None = Field(default=None, description="The people file: names, hashed passwords, groups.")
    sign_in_days: int = Field(default=7, ge=1, le=30, description="Days after which a sign-in ends by itself.")
    kernel_token_seconds: Seconds = Field(
        default=300.0, description="Seconds a kernel's token lives before it is renewed."
    )
