"""What a benchmark has to reach, said line by line."""

from collections.abc import Mapping

from msgspec import Struct


class Bar(Struct, frozen=True):
    """A bound of one figure, itself allowed. ``at_least``: the figure must not be below it; else not above."""

    bound: float
    at_least: bool = False


def held(figures: Mapping[str, float], bars: Mapping[str, Bar]) -> bool:
    """Print ``met`` or ``MISSED`` for each bar; whether all are met."""
    missed = [name for name, bar in bars.items() if not _held(name, figures[name], bar)]
    return not missed


def _held(name: str, figure: float, bar: Bar) -> bool:
    met = figure >= bar.bound if bar.at_least else figure <= bar.bound
    bound = f"at {'least' if bar.at_least else 'most'} {bar.bound:g}"
    print(f"{'met   ' if met else 'MISSED'} {name}: {figure:g} (bar: {bound})")
    return met
