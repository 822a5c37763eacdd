import pytest

from services.jobs.batches.window import Window


def test_it_grows_to_the_most_while_all_of_it_is_used() -> None:
    window = Window(100).first(0)
    sizes = [window.lines]
    for _ in range(60):
        window = window.after(refused=False, full=True, queue_age_s=0.0)
        sizes.append(window.lines)
    assert sizes[:3] == [8, 9, 10]
    assert sizes[-1] == 100
    assert (Window(3).first(0).lines, Window(100).first(70).lines) == (3, 70)


@pytest.mark.parametrize(
    ("refused", "full", "queue_age_s", "lines"),
    [(True, True, 0.0, 10), (False, True, 1.5, 10), (False, False, 0.0, 20), (False, True, 0.8, 20),
     (False, True, None, 20)],
    ids=["refused", "old-queue", "not-full", "ageing", "unknown"],
)  # fmt: skip
def test_it_shrinks_and_stays(refused: bool, full: bool, queue_age_s: float | None, lines: int) -> None:
    assert Window(100, 20).after(refused=refused, full=full, queue_age_s=queue_age_s).lines == lines


def test_one_line_is_always_let_in() -> None:
    assert Window(100, 1).after(refused=True, full=True, queue_age_s=99.0).lines == 1
