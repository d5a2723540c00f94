"""The ten classes of the synthetic data set.

Each function draws one class on all images of a sketch, with random variations.
"""

from collections.abc import Callable

from torch import Tensor

from .drawing import Length, Sketch, band, edge, ellipse, limb, outline


def t_shirt(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    hem = sketch.between(0.75, 0.95)
    reach = sketch.between(0.68, 0.9)
    _sleeves(sketch, shade, (reach, sketch.between(-0.5, 0.0)), 0.17, sketch.between(0.12, 0.2))
    _torso(sketch, shade, hem, sketch.between(0.4, 0.52))
    _neckline(sketch, shade, sketch.between(0.14, 0.26), sketch.between(0.1, 0.3))
    width, height = sketch.between(0.08, 0.28), sketch.between(0.05, 0.25)
    motif = band(sketch.x, -width, width) * band(sketch.y, -0.15 - height, -0.15 + height)
    sketch.paint(motif * sketch.maybe(0.4) * sketch.between(0.4, 1.0), sketch.between(0.0, 1.0))


def trouser(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x.abs(), sketch.y
    top, hem = sketch.between(-0.98, -0.88), sketch.between(0.86, 0.96)
    waist, flare = sketch.between(0.22, 0.32), sketch.between(0.24, 0.46)
    crotch = sketch.between(-0.55, -0.3)
    outside = outline(y, (top, waist), (crotch, waist + 0.08), (hem, flare))
    inside = outline(y, (crotch - 0.1, -0.1), (crotch + 0.1, 0.025), (hem, flare - sketch.between(0.15, 0.24)))
    rows = band(y, top, hem)
    sketch.paint(edge(outside - x) * (1 - edge(inside - x)) * rows, shade)
    sketch.paint(edge(outside - x) * band(y, top, top + 0.1) * rows, shade * sketch.between(0.6, 1.0))
    crease = edge(0.02 - (x - (outside + inside) / 2).abs()) * band(y, crotch, hem)
    sketch.paint(crease * 0.5, shade * sketch.between(0.6, 1.1))


def pullover(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    hem = sketch.between(0.65, 0.95)
    _long_sleeves(sketch, shade, hem)
    _torso(sketch, shade, hem, sketch.between(0.38, 0.5))
    _neckline(sketch, shade, sketch.between(0.12, 0.22), sketch.between(0.05, 0.18))
    zipped = edge(0.03 - sketch.x.abs()) * band(sketch.y, -0.85, sketch.between(-0.5, 0.3)) * sketch.maybe(0.2)
    sketch.paint(zipped * sketch.between(0.3, 1.0), shade * sketch.between(0.2, 0.8))
    ribbing = band(sketch.y, hem - 0.13, hem) * edge(0.45 - sketch.x.abs())
    sketch.paint(ribbing * sketch.between(0.0, 0.8), shade * sketch.between(0.6, 0.95))


def dress(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x.abs(), sketch.y
    top, hem = sketch.between(-0.98, -0.9), sketch.between(0.8, 0.98)
    shoulder, waist = sketch.between(0.2, 0.32), sketch.between(0.16, 0.26)
    skirt = sketch.between(0.24, 0.55)
    narrow = sketch.between(-0.35, -0.05)
    sleeved = sketch.maybe(0.4)
    sleeve = limb(x, y, (shoulder, top + 0.15), (shoulder + 0.14, sketch.between(-0.6, 0.1)), 0.1, 0.08)
    sketch.paint(edge(sleeve) * sleeved, shade * 0.85)
    side = outline(y, (top, shoulder), (top + 0.3, shoulder - 0.03), (narrow, waist), (hem, skirt))
    sketch.paint(edge(side - x) * band(y, top, hem), shade)
    neck = ellipse(x, y - top, sketch.between(0.1, 0.18), sketch.between(0.15, 0.4))
    sketch.paint(edge(neck), 0.0)
    sketch.paint(band(y, narrow - 0.05, narrow + 0.05) * edge(waist - x) * sketch.maybe(0.5), shade * 0.5)


def coat(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x, sketch.y
    hem = sketch.between(0.85, 0.98)
    _long_sleeves(sketch, shade, hem)
    _torso(sketch, shade, hem, sketch.between(0.4, 0.52))
    lapel = outline(y, (-0.95, sketch.between(0.12, 0.24)), (sketch.between(-0.7, 0.0), 0.0))
    sketch.paint(edge(lapel - x.abs()) * band(y, -0.95, 0.0), shade * sketch.between(0.0, 0.6))
    opening = edge(sketch.between(0.01, 0.06) - x.abs()) * band(y, -0.8, hem)
    sketch.paint(opening * sketch.between(0.0, 1.0), shade * sketch.between(0.0, 0.7))
    pocket = band(x.abs(), 0.15, 0.35) * band(y, 0.3, 0.38) * sketch.maybe(0.5)
    sketch.paint(pocket, shade * 0.5)


def sandal(sketch: Sketch) -> None:
    shade = sketch.between(0.55, 1.0)
    x, y = sketch.x, sketch.y
    lift = sketch.between(0.0, 0.6) * sketch.maybe(0.5)
    ground, thickness = sketch.between(0.35, 0.55) + lift * 0.3, sketch.between(0.08, 0.18)
    sole = outline(x, (-0.9, ground - 0.03), (-0.3, ground), (0.6, ground - lift), (0.92, ground - lift - 0.03))
    sketch.paint(band(y, sole - thickness, sole) * band(x, -0.94, 0.94), shade * sketch.between(0.6, 1.0))
    heel = outline(y, (ground - lift, 0.14), (ground, 0.06))
    sketch.paint(edge(heel - (x - 0.8).abs()) * band(y, sole - 0.05, ground) * edge(lift - 0.1), shade * 0.7)
    strap = sketch.between(0.05, 0.1)
    for centre, width, height in ((-0.6, 0.26, 0.28), (-0.3, 0.26, 0.36), (0.05, 0.3, 0.5)):
        foot = ground - lift * max(0.0, (centre + 0.3) / 0.9) - thickness / 2
        arch = ellipse(x - centre, y - foot, width * sketch.between(0.8, 1.2), height * sketch.between(0.8, 1.2))
        sketch.paint(edge(strap - arch.abs()) * edge(foot - y) * sketch.maybe(0.7), shade * sketch.between(0.7, 1.0))
    strapped, high = sketch.maybe(0.7), ground - lift - sketch.between(0.3, 0.5)
    counter = limb(x, y, (0.86, ground - lift - 0.1), (0.82, high), strap)
    ankle = ellipse(x - 0.53, y - high, 0.3, sketch.between(0.09, 0.16))
    sketch.paint(edge(counter) * strapped, shade)
    sketch.paint(edge(strap * 0.9 - ankle.abs()) * strapped, shade * sketch.between(0.7, 1.0))


def shirt(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x, sketch.y
    hem = sketch.between(0.75, 0.95)
    short = sketch.maybe(0.35)
    reach = sketch.between(0.6, 0.85)
    drop = hem - 0.1 - short * sketch.between(0.7, 1.0)
    _sleeves(sketch, shade, (reach, drop), 0.16, sketch.between(0.09, 0.15))
    _torso(sketch, shade, hem, sketch.between(0.38, 0.5))
    _neckline(sketch, shade, sketch.between(0.1, 0.18), sketch.between(0.05, 0.2))
    collar = limb(x.abs(), y, (0.18, -0.9), (0.08, sketch.between(-0.72, -0.6)), 0.07)
    shown = sketch.maybe(0.65)
    sketch.paint(edge(collar + 0.06) * shown, shade * 0.4)
    sketch.paint(edge(collar) * shown, shade * sketch.between(0.85, 1.2))
    placket = edge(0.03 - x.abs()) * band(y, -0.65, hem) * shown
    sketch.paint(placket * sketch.between(0.1, 0.7), shade * sketch.between(0.5, 1.1))
    row = y / sketch.between(0.2, 0.3)
    buttons = edge(0.06 - x.abs()) * band(row - row.floor(), 0.3, 0.7) * band(y, -0.6, hem) * shown
    sketch.paint(buttons * sketch.between(0.3, 1.0), sketch.between(0.0, 0.4))
    pocket = band(x, 0.14, 0.32) * band(y, -0.3, -0.08) * sketch.maybe(0.3)
    sketch.paint(pocket, shade * 0.75)


def sneaker(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x, sketch.y
    bottom = sketch.between(0.38, 0.52)
    tongue = sketch.between(-0.4, -0.15) - sketch.between(0.1, 0.4) * sketch.maybe(0.2)  # some are high-tops
    ankle = tongue + sketch.between(0.05, 0.2)
    top = outline(
        x, (-0.95, bottom - 0.2), (-0.7, bottom - 0.4), (-0.4, bottom - 0.5), (0.1, tongue), (0.25, tongue),
        (0.4, ankle), (0.75, ankle), (0.9, ankle - 0.08),
    )  # fmt: skip
    length = band(x, -0.95, 0.94)
    sketch.paint(band(y, top, bottom) * length, shade)
    sketch.paint(band(y, bottom - sketch.between(0.1, 0.18), bottom) * length, sketch.between(0.2, 1.0))
    for left in (-0.35, -0.2, -0.05):
        lace = limb(x, y, (left, bottom - 0.52), (left + 0.14, bottom - 0.36), 0.03)
        sketch.paint(edge(lace) * 0.7, sketch.between(0.1, 1.0))
    stripe = limb(x, y, (0.1, bottom - 0.2), (sketch.between(0.3, 0.6), ankle + 0.12), 0.05)
    sketch.paint(edge(stripe) * sketch.maybe(0.6), sketch.between(0.0, 1.0))


def bag(sketch: Sketch) -> None:
    shade = sketch.between(0.4, 1.0)
    x, y = sketch.x, sketch.y
    top, bottom = sketch.between(-0.45, 0.0), sketch.between(0.6, 0.9)
    width, flare = sketch.between(0.5, 0.85), sketch.between(-0.12, 0.12)
    arch = ellipse(x, y - top, width * sketch.between(0.45, 0.8), sketch.between(0.4, 0.6))
    handle = edge(0.05 - arch.abs()) * edge(top - y)
    sketch.paint(handle * sketch.maybe(0.85), shade * sketch.between(0.6, 1.0))
    side = outline(
        y, (top, width - 0.08), (top + 0.1, width), (bottom - 0.1, width + flare), (bottom, width + flare - 0.1)
    )
    body = edge(side - x.abs()) * band(y, top, bottom)
    sketch.paint(body, shade)
    flap = top + (bottom - top) * sketch.between(0.25, 0.6)
    sketch.paint(body * edge(0.03 - (y - flap).abs()) * sketch.maybe(0.7), shade * 0.4)
    clasp = band(x, -0.07, 0.07) * band(y, flap - 0.07, flap + 0.07)
    sketch.paint(clasp * sketch.maybe(0.6), sketch.between(0.0, 1.0))


def ankle_boot(sketch: Sketch) -> None:
    shade = sketch.between(0.35, 1.0)
    x, y = sketch.x, sketch.y
    ground, heel = sketch.between(0.65, 0.9), sketch.between(0.04, 0.28)
    sole = ground - heel
    top = sketch.between(-0.9, -0.3)
    front = sketch.between(-0.05, 0.15)
    back = sketch.between(0.7, 0.85)
    toe = sole - sketch.between(0.25, 0.35)
    contour = outline(
        x, (-0.95, sole - 0.05), (-0.75, toe), (-0.45, toe - 0.08), (front - 0.1, toe - 0.3), (front, top)
    )
    rise = outline(x, (-0.95, ground), (-0.2, ground), (0.25, sole))
    sketch.paint(band(y, contour, rise) * band(x, -0.93, back), shade)
    sketch.paint(band(y, sole - 0.02, ground) * band(x, sketch.between(0.3, 0.45), back), shade * 0.7)
    sketch.paint(band(y, rise - 0.09, rise) * band(x, -0.93, back), shade * sketch.between(0.3, 1.2))
    sketch.paint(edge(0.03 - (x - front - 0.25).abs()) * band(y, top, toe) * sketch.maybe(0.5), shade * 0.5)


def _torso(sketch: Sketch, shade: Tensor, hem: Tensor, width: Tensor) -> None:
    """Draw the torso from the shoulders to the hem, with a dark seam along the sleeves."""
    x, y = sketch.x.abs(), sketch.y
    waist = width - sketch.between(0.0, 0.08)
    side = outline(y, (-0.95, 0.2), (-0.8, width), (-0.4, width), (0.1, waist), (hem, width))
    rows = band(y, -0.95, hem)
    sketch.paint(edge(side + 0.05 - x) * rows * edge(y + 0.6), shade * sketch.between(0.2, 0.7))
    sketch.paint(edge(side - x) * rows, shade)


def _sleeves(sketch: Sketch, shade: Tensor, cuff: tuple[Length, Length], *thickness: Length) -> None:
    """Draw both sleeves from the shoulder to the cuff."""
    arm = limb(sketch.x.abs(), sketch.y, (0.38, -0.7), cuff, *thickness)
    sketch.paint(edge(arm), shade * sketch.between(0.75, 1.0))


def _long_sleeves(sketch: Sketch, shade: Tensor, hem: Tensor) -> None:
    cuff = (sketch.between(0.6, 0.8), hem - sketch.between(0.0, 0.2))
    _sleeves(sketch, shade, cuff, 0.17, sketch.between(0.1, 0.14))


def _neckline(sketch: Sketch, shade: Tensor, width: Tensor, depth: Tensor) -> None:
    """Draw the neckline and the band around it."""
    hole = ellipse(sketch.x, sketch.y + 0.95, width, depth)
    sketch.paint(edge(hole + 0.08) * edge(sketch.y + 0.95), shade * sketch.between(0.7, 1.1))
    sketch.paint(edge(hole), 0.0)


GARMENTS: tuple[Callable[[Sketch], None], ...] = (
    t_shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle_boot,
)  # fmt: skip
"""Functions that draw garments, in the order of Fashion-MNIST's labels."""

SHOES = (sandal, sneaker, ankle_boot)
"""Functions that draw shoes. Shoes are drawn along the x axis; everything else is drawn upright."""
