"""statistics_of: medians, and ratios that are taken round by round."""

from statistics import median


def spread(values):
    """Minimum, median and maximum."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def ratios(ours, theirs, more_is_better=True):
    """Ours to the best of theirs, in each round by itself: a slow minute hits both alike."""
    best = max if more_is_better else min
    each = []
    for i, value in enumerate(ours):
        other = best(column[i] for column in theirs)
        each.append(value / other if more_is_better else other / value)
    return spread(each)


def verdict(ratio, goal):
    """No conclusion from less than the noise."""
    if ratio["min"] >= goal:
        return "met"
    if ratio["max"] < goal:
        return "missed"
    return "within the noise, " + ("median above" if ratio["median"] >= goal else "median below")
