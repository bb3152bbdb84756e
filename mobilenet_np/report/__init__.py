"""One self-contained HTML page: text, tables and figures, readable on a phone, in the light and in the dark."""

from .html import Html, Section, chart, details, escape, facts, frame, gallery, page, picture, table, verdict, write

__all__ = [
    "Html",
    "Section",
    "chart",
    "details",
    "escape",
    "facts",
    "frame",
    "gallery",
    "page",
    "picture",
    "table",
    "verdict",
    "write",
]
