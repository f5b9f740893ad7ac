"""A picture as PNG, drawn by Pillow where it is installed."""

from __future__ import annotations

from io import BytesIO
from typing import assert_never

from rollouts.cli.errors import ComplaintError
from rollouts.view.picture import Box, Dot, Label, Line, Picture

SCALE = 2  # for screens that are finer than a picture's own grid


def png(drawn: Picture) -> bytes:
    """The bytes of a PNG file. Raises ComplaintError where Pillow is missing."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        fix = "pip install 'rollouts[png]', or ask for -o svg"
        raise ComplaintError("PNG pictures need Pillow, which is not installed", fix=fix) from None

    image = Image.new("RGB", (drawn.width * SCALE, drawn.height * SCALE), "white")
    canvas = ImageDraw.Draw(image)
    for shape in drawn.shapes:
        match shape:
            case Box(x, y, width, height, colour):
                canvas.rectangle(_scaled(x, y, x + width, y + height), fill=colour)
            case Line(x1, y1, x2, y2, colour, width):
                canvas.line(_scaled(x1, y1, x2, y2), fill=colour, width=max(1, round(width * SCALE)))
            case Dot(x, y, radius, colour, _):
                canvas.ellipse(_scaled(x - radius, y - radius, x + radius, y + radius), fill=colour)
            case Label(x, y, text, colour, size):
                font = ImageFont.load_default(size * SCALE)
                canvas.text((x * SCALE, y * SCALE), text, fill=colour, font=font, anchor="ls")
            case _:
                assert_never(shape)
    made = BytesIO()
    image.save(made, "PNG", optimize=True)
    return made.getvalue()


def _scaled(*places: float) -> tuple[float, ...]:
    return tuple(place * SCALE for place in places)
