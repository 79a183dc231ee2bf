"""Figures as people read them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.console import figures
from services.console.texts import lookup

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_949, "99.9 kB"), (123_456, "123 kB"), (999_600, "1.0 MB")],
)
def test_a_size_has_three_digits_at_most(size: int, text: str) -> None:
    assert figures.octets(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (61, "1 min ago"),
        (7200, "2 h ago"),
        (200_000, "2 d ago"),
        (-30, "in a moment"),
        (-120, "in 2 min"),
    ],
)
def test_a_moment_is_told_by_its_distance(seconds: int, text: str) -> None:
    assert figures.ago(NOW - timedelta(seconds=seconds), NOW, lookup("en")) == text


def test_an_estimate_needs_something_that_moves() -> None:
    assert figures.estimate(600, 100, 60) == 360
    assert figures.estimate(600, 0, 60) is None
    assert figures.estimate(0, 100, 60) is None


@pytest.mark.parametrize(("seconds", "text"), [(3, "less than a minute"), (61, "about 2 min"), (7201, "about 3 h")])
def test_what_remains_is_rounded_up(seconds: float, text: str) -> None:
    assert figures.lasting(seconds, lookup("en")) == text


def test_the_highest_day_fills_the_plot_and_a_single_message_can_be_seen() -> None:
    span = figures.days(date(2026, 2, 27), date(2026, 3, 1))
    few, none, many = figures.bars({span[0]: 1, span[2]: 1000}, span, 300, 160)
    assert (few.height, none.height, many.height) == (2.0, 0.0, 160)
    assert many.y == 0
    assert many.x + many.width <= 300


def test_a_plot_without_mail_has_flat_bars() -> None:
    assert {bar.height for bar in figures.bars({}, figures.days(date(2026, 1, 1), date(2026, 1, 3)), 300, 160)} == {0.0}


@pytest.mark.parametrize(
    ("left", "took", "text"), [(5, 0.01, "2s"), (0, 0.01, "10s"), (5, 0.31, "7s"), (0, 2.0, "40s")]
)
def test_an_open_page_asks_less_often_where_the_answer_costs_more(left: int, took: float, text: str) -> None:
    assert figures.pause(left, took) == text
