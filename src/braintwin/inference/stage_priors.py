"""Priors of the spectral twin from people who were fitted: as far as their spectra say anything."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PEOPLE = 4.0
"""People that the published prior counts for."""

LEAST_NEWS = 0.05
"""Least precision that a fit must add to that of its prior for its person to count."""


@dataclass(frozen=True)
class Normal:
    """A normal distribution, and how many people stand behind it."""

    mean: float
    sd: float
    people: int = 0


def refit(published: Normal, used: Normal, mean: Floats, sd: Floats) -> Normal:
    """Return the prior of the next person: a normal whose mean and variance were learned.

    A fit is taken for its posterior divided by the prior it was given, so that what the prior said is not counted
    again. Mean and variance between people have the conjugate prior that holds `published` for the findings of `PEOPLE`
    people (doi:10.1201/b16018, section 3.3), and are at its mode; the next person's sd holds the doubt about the mean
    too. Where no fit says anything, `published` is returned as it was.

    Parameters
    ----------
    published : Normal
        Prior of the parameter without these people.
    used : Normal
        Prior that the fits were given.
    mean, sd : (person,) array
        Of each person's posterior.
    """
    news = 1 / sd**2 - 1 / used.sd**2
    heard = news > LEAST_NEWS / used.sd**2
    if not heard.any():
        return published
    news, mean, sd = news[heard], mean[heard], sd[heard]
    centre = (mean / sd**2 - used.mean / used.sd**2) / news
    n, middle, variance = len(news), published.mean, published.sd**2
    for _ in range(200):
        left = 1 / (news + 1 / variance)
        value = left * (news * centre + middle / variance)
        middle = (PEOPLE * published.mean + value.sum()) / (PEOPLE + n)
        shift = (published.mean - middle) ** 2
        variance = (PEOPLE * (published.sd**2 + shift) + np.sum((value - middle) ** 2 + left)) / (PEOPLE + n)
    return Normal(float(middle), float(np.sqrt(variance * (1 + 1 / (PEOPLE + n)))), n)


def refit_share(published: tuple[float, float], mean: Floats, sd: Floats) -> tuple[float, float]:
    """Return a and b of the Beta of a share, by the moments of the published one (for `PEOPLE` people) and of fits.

    One that would be infinite at 0 is not taken: `published` stays.
    """
    a, b = published
    if not len(mean):
        return published
    n, old = len(mean), a / (a + b)
    spread = old * (1 - old) / (a + b + 1)
    middle = (PEOPLE * old + mean.sum()) / (PEOPLE + n)
    squares = PEOPLE * (spread + (old - middle) ** 2) + np.sum(sd**2 + (mean - middle) ** 2)
    count = middle * (1 - middle) / (squares / (PEOPLE + n)) - 1
    return (float(middle * count), float((1 - middle) * count)) if middle * count >= 1 else published
