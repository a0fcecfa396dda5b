from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

import notebooks
from swap.reading import pictures, svg

SECRET = "Name, address, place"


def encoded(picture: Image.Image, kind: str, **more: object) -> str:
    made = io.BytesIO()
    picture.save(made, kind, **more)  # type: ignore[arg-type]
    return base64.b64encode(made.getvalue()).decode()


def test_a_picture_is_written_anew_without_what_stood_beside_its_dots() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", SECRET)
    exif = Image.Exif()
    exif[0x010E] = SECRET
    dots = Image.new("RGB", (4, 4), "red")
    for kind, data in (
        ("image/png", encoded(dots, "PNG", pnginfo=notes, exif=exif)),
        ("image/jpeg", encoded(dots, "JPEG", exif=exif, comment=SECRET.encode())),
        ("image/webp", encoded(dots, "WEBP", exif=exif)),
    ):
        assert SECRET.encode() in base64.b64decode(data), kind  # the control: it is there
        content, shown_as = pictures.written(kind, data)
        assert SECRET.encode() not in content
        with Image.open(io.BytesIO(content)) as made:
            assert made.size == (4, 4)
            assert not dict(made.getexif())
            assert set(made.info) <= {"jfif", "jfif_version", "jfif_density", "jfif_unit"}
            assert shown_as == f"image/{str(made.format).lower()}"


def test_what_is_appended_to_a_picture_is_gone() -> None:
    data = base64.b64encode(base64.b64decode(notebooks.png()) + b"<script>go()</script>").decode()
    assert b"<script>" not in pictures.written("image/png", data)[0]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_pictures_of_all_kinds_are_shown(mode: str) -> None:
    kind = "image/jpeg" if mode == "CMYK" else "image/png"
    content, _ = pictures.written(kind, encoded(Image.new(mode, (3, 2)), "JPEG" if mode == "CMYK" else "PNG"))
    with Image.open(io.BytesIO(content)) as made:
        assert made.size == (3, 2)


def bomb(width: int, height: int) -> str:
    """Return a small PNG that says it is large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * width) * min(height, 10))
    return base64.b64encode(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    ).decode()


def test_a_picture_that_takes_all_memory_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="too many dots"):
        pictures.written("image/png", bomb(12_000, 12_000))
    small = notebooks.png(20, 20)
    assert pictures.written("image/png", small)
    monkeypatch.setattr(pictures, "DOTS", 399)
    with pytest.raises(ValueError, match="too many dots"):
        pictures.written("image/png", small)


@pytest.mark.parametrize("kind", sorted(pictures._FORMATS))
@pytest.mark.parametrize(
    "data", ["", "?", "AAAA", notebooks.png()[:60], base64.b64encode(b"%!PS-Adobe-3.0 EPSF\n").decode()]
)
def test_what_is_no_picture_of_its_type_is_refused(kind: str, data: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        pictures.written(kind, data)


def test_no_other_format_is_tried_whatever_the_file_says(tmp_path: Path) -> None:
    del tmp_path
    gif = encoded(Image.new("L", (2, 2)), "GIF")
    assert pictures.written("image/gif", gif)
    with pytest.raises(ValueError, match="decoded"):
        pictures.written("image/png", gif)


def test_a_pictures_size_is_known_by_its_beginning() -> None:
    assert pictures.size("image/png", notebooks.png(30, 20)) == (30, 20)
    assert pictures.size("image/png", "\n".join(notebooks.png(30, 20)[at : at + 10] for at in range(0, 90, 10))) == (
        30,
        20,
    )
    for data in ("", "????", "AAAA" * 30, notebooks.png()[:12]):
        assert pictures.size("image/png", data) is None


def test_a_name_tells_what_is_in_a_picture_and_nothing_else() -> None:
    one, other = notebooks.png(seed=1), notebooks.png(seed=2)
    assert pictures.name("image/png", one) == pictures.name("image/png", one) != pictures.name("image/png", other)
    assert pictures.name("image/svg+xml", one).endswith(".svg")


# ── drawings ────────────────────────────────────────────────────────────────────────────────────────
def drawn(inside: str, before: str = "", **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"{given}>{inside}</svg>'


ACTS = (
    drawn("<script>go()</script>"), drawn("", onload="go()"), drawn("<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><img src='x' onerror='go()'/></body></foreignObject>"),
    drawn("<image href='http://beacon.example/'/>"), drawn("<use href='http://beacon.example/#a'/>"), drawn("<use xlink:href='data:image/svg+xml,x#a'/>"),
    drawn("<a href='javascript:go()'><text>x</text></a>"), drawn("<animate attributeName='href' to='javascript:go()'/>"), drawn("<set attributeName='onload' to='go()'/>"),
    drawn("<style>@import 'http://beacon.example/'; * { fill: url(http://beacon.example/) }</style>"),
    drawn("<path fill='url(http://beacon.example/#a)' style='background:url(//beacon.example)' d='M0 0'/>"),
    drawn("<path style='fill: u\\72l(http://beacon.example/)' d='M0 0'/>"), drawn("<handler>go()</handler>"), drawn("<iframe src='javascript:go()'/>"),
)  # fmt: skip


@pytest.mark.parametrize("text", ACTS)
def test_a_drawing_is_shapes_and_text(text: str) -> None:
    made = svg.drawing(text).decode()
    bare = made.replace("http://www.w3.org/", "")
    for word in ("go()", "beacon", "script", "foreign", "<style", "import", "onload", "http"):
        assert word not in bare
    assert any(word in text for word in ("go()", "beacon", "data:"))


@pytest.mark.parametrize(
    "text",
    [
        "", "<svg", "<svg/>", "<html/>", "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + drawn("&a;"),
        '<!DOCTYPE svg SYSTEM "x" [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>' + drawn(""),
        drawn("<g>" * 100 + "</g>" * 100), drawn("<g/>" * 60_000), drawn("&undefined;"), "<?xml version='1.0' encoding='nonsense'?><svg/>",
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_what_is_no_drawing_is_refused(text: str) -> None:
    with pytest.raises(svg.Refused):
        svg.drawing(text)


def test_what_libraries_draw_stays() -> None:
    before = '<?xml version="1.0" encoding="utf-8" standalone="no"?>\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN"\n  "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    inside = '<defs><path id="a" d="M 0 0"/><clipPath id="c"><rect width="5" height="5"/></clipPath></defs><g clip-path="url(#c)"><use xlink:href="#a" style="fill: #36c; stroke: none"/></g><text transform="scale(2)">Jan &lt;</text>'
    made = svg.drawing(drawn(inside, before, viewBox="0 0 9 9")).decode()
    for part in (
        'viewBox="0 0 9 9"',
        'xlink:href="#a"',
        'clip-path="url(#c)"',
        'style="fill: #36c; stroke: none"',
        "Jan &lt;",
    ):
        assert part in made
