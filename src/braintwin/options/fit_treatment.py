"""Options of `fit-treatment`."""

from typing import Literal

from braintwin.options.base import Options, option


class FitTreatmentOptions(Options):
    """How a treatment's operators are learned from a trial of your own."""

    name: str = option("own_trial", "Key of the entry in the treatment library.", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    label: str = option("Treatment of our own trial", "Name for people, with the dose.", min_length=1)
    treated: list[str] = option(["treated"], "Conditions that are the treatment.", min_length=1)
    control: list[str] = option(["placebo"], "Conditions that it is compared with.", min_length=1)
    reference: Literal["placebo", "untreated"] = option("placebo", "What the control nights are.")
    kind: str = option("own_trial", "Class of the treatment, such as benzodiazepine or behavioural.", min_length=1)
    eligible: list[Literal["all", "healthy", "insomnia", "osa"]] = option(
        ["all"], "Whom the trial speaks for: diagnoses of the people to simulate.", min_length=1
    )
    exploratory: bool = option(True, "Simulated, but never ranked first.")
    burden: float = option(0.2, "What the treatment asks of a person, 0 (nothing) to 1; your judgement.", ge=0, le=1)
    contraindications: list[str] = option([], "Conditions in which it must not be ranked.")
    citation: str = option("", "The trial's publication; the titles of its datasets where empty.")
    min_night_min: float = option(
        180.0, "Least time from lights off (or sleep onset) to the end of a night; less is a nap.", unit="min", ge=10
    )
    min_people: int = option(6, "Fewest people with treated nights, and with control nights.", ge=2)
    operator_sd: float = option(0.3, "Prior sd of a shift of a log hazard.", gt=0)
    spread_sd: float = option(0.15, "Between-person sd of that shift towards which a small trial's is shrunk.", gt=0)
    spread_people: float = option(10.0, "As if so many people with that sd had been seen besides.", gt=0)
    leave_one_out: bool = option(
        True, "Foretell every treated night from the operators of the other people; costs a fit a person."
    )
    draws: int = option(1000, "Draws of a forecast.", ge=100)
