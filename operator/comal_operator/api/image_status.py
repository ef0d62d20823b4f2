"""What a tag was found to name: in the status of whoever runs it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from comal_operator.api.meta import ApiType


class ImageStatus(ApiType):
    """One image by tag, as it was asked for before anything ran under it."""

    name: Annotated[str, Field(max_length=512)]
    """The image as the spec names it."""
    digest: Annotated[str, Field(max_length=71)] | None = None
    """What its registry said that the tag names: this is what runs, whatever is pushed later."""
    message: Annotated[str, Field(max_length=256)] | None = None
    """Why no registry told; then what the first node starts under the tag counts."""
