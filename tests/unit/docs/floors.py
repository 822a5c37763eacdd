"""Draw the floors of the code as `.importlinter` has them. Renew: .venv/bin/python -m tests.unit.docs.floors

A room may know the rooms below it and none above. What stands on one floor knows nothing of its neighbours.
"""

from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[3]
PICTURE = ROOT / "docs/images/floors.svg"
_SERVICES = ("gateway", "router", "monitor", "features", "console")
_WIDTH, _ROW, _GAP, _TOP = 1000, 24, 6, 40
_STYLE = """
    svg { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
    .page { fill: #ffffff; }
    .room { fill: #e8f1fb; stroke: #3e7cb1; }
    text { fill: #1f2933; text-anchor: middle; }
    .name { font-size: 11px; }
    .title { font-size: 14px; font-weight: 600; }
    .under { fill: #52606d; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; }
      .room { fill: #13263a; stroke: #6cb0f0; }
      text { fill: #e6edf3; }
      .under { fill: #a9b4c0; }
    }
"""


class Building(NamedTuple):
    """A package and its floors, the highest first; each floor is the names of its rooms."""

    name: str
    floors: list[list[str]]


def buildings(contracts: ConfigParser) -> list[Building]:
    """The services, then what they share."""
    return [_building(contracts, name) for name in (*_SERVICES, "shared")]


def drawn(contracts: ConfigParser) -> str:
    """The picture as SVG."""
    *services, shared = buildings(contracts)
    width = _WIDTH // len(services)
    deepest = max(len(service.floors) for service in services)
    shapes: list[str] = []
    for number, service in enumerate(services):
        shapes += _title(number * width + width // 2, 22, f"services/{service.name}", "title")
        first = _TOP + (deepest - len(service.floors)) * (_ROW + _GAP)  # all stand on the same ground
        shapes += _rooms(service, number * width + 8, width - 16, first)
    ground = _TOP + deepest * (_ROW + _GAP) + 34
    shapes += _title(_WIDTH // 2, ground - 12, "shared/: what several services need", "title")
    shapes += _rooms(shared, 8, _WIDTH - 16, ground)
    height = ground + len(shared.floors) * (_ROW + _GAP) + 30
    under = "a room knows rooms below it, and none above or beside it; no service knows another"
    shapes += _title(_WIDTH // 2, height - 10, under, "under")
    page = f'<rect class="page" width="{_WIDTH}" height="{height}"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title">'
    )
    body = "\n  ".join(
        (f'<title id="title">The floors of the code</title>\n  <style>{_STYLE}  </style>', page, *shapes)
    )
    return f"{head}\n  {body}\n</svg>\n"


def read_contracts() -> ConfigParser:
    contracts = ConfigParser()
    contracts.read(ROOT / ".importlinter")
    return contracts


def _building(contracts: ConfigParser, name: str) -> Building:
    layers = contracts[f"importlinter:contract:{name}"]["layers"].strip().splitlines()
    return Building(
        name, [[room.strip() for room in layer.split("|")] for layer in layers if not layer.startswith("#")]
    )


def _rooms(building: Building, left: int, width: int, top: int) -> list[str]:
    shapes = []
    for floor, rooms in enumerate(building.floors):
        y = top + floor * (_ROW + _GAP)
        letters = sum(len(room) + 2 for room in rooms)
        x = float(left)
        for room in rooms:
            share = (len(room) + 2) / letters * width
            shapes.append(f'<rect class="room" x="{x:.1f}" y="{y}" width="{share - 4:.1f}" height="{_ROW}" rx="3"/>')
            shapes += _title(round(x + share / 2 - 2), y + 16, room, "name")
            x += share
    return shapes


def _title(x: int, y: int, text: str, kind: str) -> list[str]:
    return [f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>']


if __name__ == "__main__":
    PICTURE.write_text(drawn(read_contracts()))
