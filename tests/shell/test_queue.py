"""Keys that are due later take room by their number, and not by how often they were looked at."""

from __future__ import annotations

from rollouts.kit.instant import Instant
from rollouts.shell.queue import VOID_FREE_MAX, Queue
from tests.shell.script import SET, WEB

TOMORROW = Instant.of(86400)


def test_a_key_that_is_looked_at_often_before_it_is_due_does_not_fill_the_queue() -> None:
    queue = Queue()
    queue.at(SET, TOMORROW.plus(1))
    for _ in range(3 * VOID_FREE_MAX):
        queue.calm(WEB)
        queue.at(WEB, TOMORROW)

    assert len(queue._later) <= VOID_FREE_MAX + 2 * queue.sleeping
    assert queue.next_due() == TOMORROW

    queue.advance(TOMORROW.plus(2))

    assert [queue.pop(), queue.pop(), queue.pop()] == [WEB, SET, None]
