from shared.memory import Memory


def test_what_was_put_in_last_is_kept_and_the_oldest_goes_first() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.put("a", 3)
    memory.put("c", 4)
    assert [memory.get(key) for key in "abc"] == [3, None, 4]


def test_what_is_old_is_forgotten_as_time_passes() -> None:
    memory: Memory[str, None] = Memory(10, for_s=60.0)
    memory.put("a", None, now_s=0.0)
    memory.put("b", None, now_s=59.0)
    assert "a" in memory
    memory.put("c", None, now_s=60.0)
    assert [key in memory for key in "abc"] == [False, True, True]


def test_what_is_to_be_forgotten_need_not_be_known() -> None:
    memory: Memory[str, int] = Memory(10)
    memory.put("a", 1)
    memory.forget("a")
    memory.forget("b")
    assert "a" not in memory
