"""What the measurements say: medians, ratios round by round, their intervals, and whether anything may be concluded."""

import random
import statistics

DRAWS = 2000
ROUNDS_MIN = 4  # with fewer, an interval is nothing but the two ends


def interval(values):
    """90 % bootstrap interval of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(DRAWS))
    return medians[DRAWS // 20], medians[DRAWS - 1 - DRAWS // 20]


def samples(result, server):
    """The figure by round; None where that round failed or was left out."""
    figure = result["figure"]
    return [one.get(figure) if one else None for one in result["rounds"].get(server, [])]


def median(result, server):
    values = [value for value in samples(result, server) if value is not None]
    return statistics.median(values) if values else None


def spread(result, server):
    """The middle half, as a part of the median."""
    values = [value for value in samples(result, server) if value is not None]
    if len(values) < 4:
        return None
    quarters = statistics.quantiles(values, n=4)
    middle = statistics.median(values)
    return (quarters[2] - quarters[0]) / middle if middle else None


def ratio(result, server, base):
    """(median, low, high) of server / base in the same round, or None."""
    pairs = zip(samples(result, server), samples(result, base))
    ratios = [mine / other for mine, other in pairs if mine is not None and other]
    if not ratios:
        return None
    if len(ratios) < ROUNDS_MIN:
        return statistics.median(ratios), None, None
    return (statistics.median(ratios), *interval(ratios))


def base_of(result):
    """What the row is a multiple of: its first floor, or naru where nothing is below it."""
    servers = list(result["rounds"])
    floors = [server for server in servers if server.startswith("floor") or server == "naru plain"]
    return floors[0] if floors else "naru"


def against_own_floor(result, server):
    """What naru on an io_uring is of the bare server on one."""
    found = ratio(result, server, "floor io_uring") if server == "naru io_uring" else None
    if not found:
        return ""
    between = f" ({found[1]:.2f} to {found[2]:.2f})" if found[1] is not None else ""
    return f"{found[0]:.2f}{between} of floor io_uring "


def verdict(result, server):
    """What may be said of naru against this server."""
    if server == "naru":
        return ""
    found = ratio(result, "naru", server)
    if not found:
        return ""
    middle, low, high = found
    if low is None:
        return f"naru {middle:.2f} of it" if result.get("exact") else f"naru {middle:.2f} of it, too few rounds to conclude"
    if low <= 1 <= high:
        return f"naru {middle:.2f} of it: no difference beyond the noise"
    return f"naru {middle:.2f} of it [{low:.2f}, {high:.2f}]"
