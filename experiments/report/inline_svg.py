"""Turns a figure into SVG inside a page: in the page's colours, light or dark, with unique ids."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Collection

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from experiments.figures.style import FAINT, INK, SAYS

_SVG, _XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
_COLOURS = {
    INK: "--ink",
    "#262626": "--ink",
    "#000000": "--ink",
    FAINT: "--faint",
    "#bbbbbb": "--axis",
    "#cccccc": "--axis",
    "#e6e6e6": "--grid",
    "#dddddd": "--band",
    "#ffffff": "--paper",
}
"""Figure colours that become colours of the page's style sheet; those of models do not change."""
_DROPPED = ("metadata", "style")
"""Elements left out: the author, and a style that would apply to the whole page."""
_USED = re.compile(r"""(?:url\(|href=")#([^)"]+)""")
_RIM = "rim-"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FAMILY = re.compile(r"font-family: [^;]*(;|$)")
_ROUNDED = ("d", "x", "y", "width", "height", "points")


def inline_svg(figure: Figure, name: str, label: str) -> Markup:
    """``figure`` as an ``svg`` element. ``name`` begins the ids in it and must be unique in the
    page; ``label`` describes it for readers who cannot see it."""
    _note_rims(figure)
    out = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    root = ET.fromstring(out.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.removeprefix(_SVG) in _DROPPED:
                parent.remove(child)
    for group in root.iter(f"{_SVG}g"):
        name_of_it = group.get("id", "")
        if name_of_it.startswith(_RIM):
            _draw_rim(group)
        elif name_of_it.startswith(SAYS):
            ET.SubElement(group, f"{_SVG}title").text = name_of_it.removeprefix(SAYS)
    used = set(_USED.findall(out.getvalue()))
    for element in root.iter():
        _adapt(element, name, used)
    width = float(root.get("width", "0pt").removesuffix("pt"))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("role", "img")
    root.set("aria-label", label)
    root.set("style", f"--wide:{width:.0f}")
    ET.indent(root, "")
    return Markup(ET.tostring(root, encoding="unicode"))


def _note_rims(figure: Figure) -> None:
    """Lets text with a rim be drawn as text, not as outlines of its letters: the rim's colour
    becomes a name of the text."""
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        for effect in text.get_path_effects():
            rim = getattr(effect, "_gc", {})
            text.set_gid(f"{_RIM}{to_hex(rim['foreground'])}-{rim['linewidth']:g}")
        text.set_path_effects([])


def _draw_rim(group: ET.Element) -> None:
    """Gives the text in ``group`` the rim that is coded in its name."""
    colour, _, width = group.get("id", "").removeprefix(_RIM).partition("-")
    rim = f"paint-order: stroke; stroke: {colour}; stroke-width: {width}px; stroke-linejoin: round"
    for text in group.iter(f"{_SVG}text"):
        text.set("style", f"{text.get('style')}; {rim}")


def _adapt(element: ET.Element, name: str, used: Collection[str]) -> None:
    """Removes the name space of ``element``, which a page does not need, and gives it names and
    colours of the page."""
    element.tag = element.tag.removeprefix(_SVG)
    for attribute, value in list(element.attrib.items()):
        if attribute.startswith(_XLINK):
            del element.attrib[attribute]
            element.set("href", f"#{name}-{value.removeprefix('#')}")
        elif attribute == "id":
            del element.attrib["id"]
            if value in used:
                element.set("id", f"{name}-{value}")
        elif attribute in _ROUNDED:
            element.set(attribute, _NUMBER.sub(_rounded, value))
        elif attribute == "transform" and value.startswith("rotate(-0 "):
            del element.attrib["transform"]
        elif attribute in ("style", "clip-path"):
            element.set(attribute, _restyled(value, name))


def _restyled(style: str, name: str) -> str:
    style = style.replace("url(#", f"url(#{name}-")
    if "paint-order" not in style:  # text that lies on a mark, whose colour stays
        for colour, variable in _COLOURS.items():
            style = style.replace(colour, f"var({variable})")
    return _FAMILY.sub("", style).strip("; ")


def _rounded(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")
