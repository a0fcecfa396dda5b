"""Pictures of a notebook: named by what they are in it, and written anew before anybody is shown one.

Written anew, a picture holds its dots and nothing else: no text, place or program that somebody put beside them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import struct
import warnings

from PIL import Image

from swap.reading import svg

DOTS = 40_000_000
"""Of a picture; it takes four bytes for each while it is written anew."""
_DRAWING = "image/svg+xml"
_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
NAME_LENGTH = 32


def name(kind: str, data: str) -> str:
    """Return the name of a picture's address: it says what is in it, and how it is written."""
    ending = {"image/jpeg": "jpg", _DRAWING: "svg"}.get(kind, "png")
    digest = hashlib.sha256(kind.encode() + b"\n" + data.encode()).hexdigest()
    return f"{digest[:NAME_LENGTH]}.{ending}"


def size(kind: str, data: str) -> tuple[int, int] | None:
    """Return width and height of a PNG by its beginning, so that a page knows them before the picture is there."""
    if kind != "image/png":
        return None
    try:
        head = base64.b64decode("".join(data[:80].split())[:32])
    except (binascii.Error, ValueError):
        return None
    if head[:8] != b"\x89PNG\r\n\x1a\n" or len(head) < 24:
        return None
    width, height = struct.unpack(">II", head[16:24])
    return (width, height) if 0 < width <= 10_000 and 0 < height <= 10_000 else None


def written(kind: str, data: str) -> tuple[bytes, str]:
    """Return a picture written anew, and its type.  Raises ValueError for what is none."""
    if kind == _DRAWING:
        return svg.drawing(data), _DRAWING
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError) as error:
        raise ValueError("it is not base64") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(content), formats=[_FORMATS[kind]]) as picture:
                if picture.width * picture.height > DOTS:
                    raise ValueError("it has too many dots")
                return _anew(picture, jpeg=kind == "image/jpeg")
        except (OSError, SyntaxError, struct.error, EOFError, Image.DecompressionBombError) as error:
            raise ValueError("it cannot be decoded") from error


def _anew(picture: Image.Image, *, jpeg: bool) -> tuple[bytes, str]:
    mode = "RGB" if jpeg else picture.mode if picture.mode in {"1", "L", "RGB", "RGBA"} else "RGBA"
    # A new image: what came beside the dots is in the old one, and would be saved with them.
    clean = Image.new(mode, picture.size)
    clean.paste(picture.convert(mode))
    made = io.BytesIO()
    if jpeg:
        clean.save(made, "JPEG", quality=92)
        return made.getvalue(), "image/jpeg"
    clean.save(made, "PNG")
    return made.getvalue(), "image/png"
