"""What long work says where stderr is no terminal."""

from services.cli.progress import now_and_then


def test_a_line_is_due_after_the_time_and_then_no_more_often() -> None:
    moments = iter([0.0, 29.9, 30.0, 30.0, 31.0, 59.9, 60.0, 60.0])
    due = now_and_then(30.0, lambda: next(moments))
    assert [due() for _ in range(5)] == [False, True, False, False, True]
