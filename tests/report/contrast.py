"""How well words can be read: the contrast of WCAG 2.2, success criterion 1.4.3."""

__all__ = ["contrast"]


def contrast(ink: str, ground: str) -> float:
    """Returns the contrast of two colours, written as ``#rrggbb``: from 1 to 21."""
    dark, light = sorted((_luminance(ink), _luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
