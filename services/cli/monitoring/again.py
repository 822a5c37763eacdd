"""When a command that watches asks again, instead of ending."""

from shared.client import Problem


def is_passing(problem: Problem) -> bool:
    """Whether the gateway, or the monitor behind it, is away or has too much to do. Another key, or other filters, are
    not got by asking again."""
    return problem.status is None or problem.status >= 500 or problem.status == 429
