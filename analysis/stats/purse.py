"""A purse of bets: a mixture of products that may begin afresh at change points.

Most of the capital is bet from the start; the rest waits in cash slots, one invested at each restart, so that a
regression that begins late is not in debt to the healthy spell before it. Capital moved from one slot to the next at
a time chosen from the past is still the wealth of a gambler in a fair game: the total stays an e-process (mixture over
change points, Shin, Ramdas & Rinaldo 2023; reinvestment by optional stopping).

A purse is a tuple of rows of log capital: the first from the start, then the slots, oldest investment last to be
recycled first; a row of length one is cash.
"""

from __future__ import annotations

import math

import numpy as np

from analysis.stats.logs import Floats, floored, log_sum_exp, round_down

FROM_START = 0.7  # a doubling is found 10 s sooner than with 0.5; a late onset some 8 s later
Purse = tuple[tuple[float, ...], ...]


def fill(bets: int, slots: int) -> Purse:
    """A purse worth 1: `bets` >= 2 equal bets from the start, and `slots` slots of cash (none: everything is bet)."""
    assert bets >= 2 and slots >= 0
    kept = 1.0 if slots == 0 else FROM_START
    main = round_down(np.full(bets, math.log(kept / bets)))
    return (main, *((round(math.log((1 - FROM_START) / slots) - 5e-5, 4),) for _ in range(slots)))


def grow(purse: Purse, log_factors: Floats) -> Purse:
    """The purse after one look.  log_factors: what each bet earned, shape (bets,), nats; cash earns nothing."""
    moved = iter(floored(np.array([row for row in purse if len(row) > 1]) + log_factors).tolist())
    return tuple(row if len(row) == 1 else tuple(next(moved)) for row in purse)


def restart(purse: Purse) -> Purse:
    """Invests the oldest slot anew, in equal bets: cash first, then the slot invested longest ago."""
    if len(purse) == 1:
        return purse
    bets = len(purse[0])
    fresh = round_down(np.full(bets, log_sum_exp(purse[1]) - math.log(bets)))
    return (purse[0], *purse[2:], fresh)


def forfeit(purse: Purse) -> Purse:
    """The purse with what it is worth beyond 1 given away."""
    worth = max(0.0, log_worth(purse))
    return tuple(round_down(np.asarray(row) - worth) for row in purse) if worth else purse


def log_worth(purse: Purse) -> float:
    """ln of all capital: the log e-value of the purse."""
    return log_sum_exp([capital for row in purse for capital in row])
