"""How the cost of reading grows with what is read: hostile input must not cost more than its share."""

import time

SMALLEST_S = 0.002


def stays_linear(work, text, *, times=4):
    """Whether `work` on a text `times` as long costs at most twice as much for each letter, by this process's CPU time.

    Args:
        work: takes a text (or bytes).
        text: short; it is repeated, so what grows is what a hostile page can grow.
        times: how much longer the second text is.
    """

    def cost(content):
        tries = []
        for _ in range(3):
            started = time.process_time()
            work(content)
            tries.append(time.process_time() - started)
        return min(tries)

    return cost(text * times) <= 2 * times * max(cost(text), SMALLEST_S)
