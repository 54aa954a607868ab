"""How the pages present the product: its name, logo, colours and links."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

LIGHT_GROUND = "#f5f4f0"
DARK_SHEET = "#191f1c"
"""Stylesheet backgrounds that give the accent the least contrast, one for each colour scheme."""
LEAST_CONTRAST = 4.5
"""The lowest contrast of text (WCAG 2.2, success criterion 1.4.3)."""


def _require_colour(value: str) -> str:
    if len(value) != 7 or value[0] != "#" or not set(value[1:].lower()) <= set("0123456789abcdef"):
        raise ValueError("must be a colour such as #1f5f4a")
    return value.lower()


def _require_link(value: str) -> str:
    if not value.startswith(("https://", "mailto:")) or any(c in value for c in " \"'<>\\"):
        raise ValueError("must be an https: or mailto: link")
    return value


Colour = Annotated[str, AfterValidator(_require_colour)]
Link = Annotated[str, Field(max_length=512), AfterValidator(_require_link)]


class Branding(BaseModel):
    """The operator's choices for the look of the pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(
        default="", max_length=60, description="The product's name, at the top of every page."
    )
    logo: Path | None = Field(
        default=None, description="An SVG, PNG or WebP file of at most 100 KB, beside the name."
    )
    accent: Colour | None = Field(
        default=None, description="The colour of buttons and links; readable on white."
    )
    accent_dark: Colour | None = Field(
        default=None,
        description="The accent colour in dark mode; by default a lighter shade of `accent`.",
    )
    support_url: Link | None = Field(default=None, description="A link to your support.")
    privacy_url: Link | None = Field(default=None, description="The privacy policy.")
    terms_url: Link | None = Field(default=None, description="The terms of use.")

    @model_validator(mode="after")
    def refuse_what_cannot_be_read(self) -> Self:
        """Refuse colours with too little contrast to their background."""
        for name, colour, ground, towards in (
            ("accent", self.accent, LIGHT_GROUND, "#000000"),
            ("accent_dark", self.accent_dark, DARK_SHEET, "#ffffff"),
        ):
            if colour is not None and contrast(colour, ground) < LEAST_CONTRAST:
                near = readable_shade(colour, ground, towards)
                raise ValueError(
                    f"{name}: {colour} on {ground} has a contrast of {contrast(colour, ground):.1f}, "
                    f"and text needs {LEAST_CONTRAST}; {near} would do"
                )
        return self

    @property
    def stylesheet(self) -> str:
        """The CSS rules that set the colours; empty if the operator sets none."""
        light = self.accent
        dark = self.accent_dark or (light and readable_shade(light, DARK_SHEET, "#ffffff"))
        rules = f":root {{ --accent: {light}; }}\n" if light else ""
        if dark:
            media = "@media (prefers-color-scheme: dark)"
            rules += f"{media} {{ :root {{ --accent: {dark}; }} }}\n"
        return rules


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_shade(colour: str, ground: str, towards: str) -> str:
    """Mix a colour with white or black until its contrast to the background suffices."""
    for percent in range(0, 101, 4):
        parts = zip(_channels(colour), _channels(towards), strict=True)
        mixed = [round((a * (100 - percent) + b * percent) / 100) for a, b in parts]
        shade = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(shade, ground) >= LEAST_CONTRAST:
            return shade
    return towards


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
